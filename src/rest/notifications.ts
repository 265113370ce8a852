/** /v1/notifications: what eUICCs have to tell SM-DP+s that do not have it yet. */
import { NotificationQuery, type NotificationRetryView } from './api/notifications.ts';
import type { Desk } from './desk.ts';
import { notFound, ok, type Route, route } from './route.ts';
import { notificationView } from './views.ts';

/** Entries of a list where the query says nothing. */
const page = 100;

export function notificationRoutes({ notifications }: Desk): readonly Route[] {
  return [
    route('GET', '/v1/notifications', {
      query: NotificationQuery,
      answer: async ({ query: { limit = page, ...filter } }) => {
        const list = await notifications.list({ ...filter, limit });
        const last = list.length < limit ? undefined : list.at(-1);
        return ok({
          notifications: list.map(notificationView),
          ...(last === undefined ? {} : { next: last.id }),
        });
      },
    }),
    route('GET', '/v1/notifications/:id', {
      answer: async ({ params: { id = '' } }) => {
        const found = await notifications.get(id);
        if (found === undefined) throw notFound('notification', id);
        return ok(notificationView(found));
      },
    }),
    route('POST', '/v1/notifications/:id/retry', {
      answer: async ({ params: { id = '' } }) => {
        if ((await notifications.get(id)) === undefined) throw notFound('notification', id);
        const left = await notifications.retry(id);
        const answer: NotificationRetryView =
          left === undefined
            ? { delivered: true }
            : { delivered: false, notification: notificationView(left) };
        return ok(answer);
      },
    }),
    route('DELETE', '/v1/notifications/:id', {
      answer: async ({ params: { id = '' } }) => {
        if (!(await notifications.drop(id))) throw notFound('notification', id);
        return { status: 204 };
      },
    }),
  ];
}
