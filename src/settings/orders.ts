/** Deadlines and bounds of orders. */
import { z } from 'zod';
import { count, duration, setting } from './setting.ts';

export const orders = {
  noShow: setting(
    duration,
    '30d',
    'An order that no device has fetched for so long ends as noshowOrder. Longer than devices sleep.',
  ),
  stuck: setting(
    duration,
    '14d',
    'An order that was fetched so long ago, and had no result, ends as stuckOrder; the next has its turn.',
  ),
  expired: setting(duration, '30d', 'An order that is done is kept for so long, then deleted.'),
  eventsKept: setting(
    duration,
    '7d',
    'How long the events of orders are kept for readers of /v1/events that were away.',
  ),
  mostOpen: setting(count, 256, 'Most orders of one EID that are not done; the next is refused.'),
  packageLimit: setting(
    count,
    16_384,
    'Most octets of an eUICC Package; an order that makes more is refused, as its eUICC would do later (sizeOverflow).',
    'Lower it for eUICCs that hold less.',
  ),
  maxDeliveries: setting(
    count,
    16,
    'How often one eIM package is handed out before its order ends as stuckOrder.',
  ),
  ownQuestions: setting(
    z.int().min(0),
    8,
    'How often in 24 hours the eIM asks one eUICC of itself, where its picture of it is in doubt; 0: never.',
    'A device tells of a change with a poll; bounded so that one that always does costs no more.',
  ),
  sweepEvery: setting(duration, '60s', 'How often these deadlines are looked at.'),
} as const;
