/** /v1/notifications: what eUICCs have to tell SM-DP+s that do not have it yet. */
import {
  NotificationList,
  NotificationQuery,
  NotificationRetryView,
  NotificationView,
} from './api/notifications.ts';
import type { Desk } from './desk.ts';
import { usualPage } from './paging.ts';
import { gone, json, nextOf, notFound, ok, type Route, route } from './route.ts';
import { notificationView } from './views.ts';

export function notificationRoutes({ notifications }: Desk): readonly Route[] {
  return [
    route('GET /v1/notifications', {
      about: 'Notifications that their SM-DP+s do not have yet, by EID and number',
      query: NotificationQuery,
      gives: { 200: json(NotificationList) },
      answer: async ({ query: { limit = usualPage, ...filter } }) => {
        const list = await notifications.list({ ...filter, limit });
        return ok({
          notifications: list.map(notificationView),
          ...nextOf(list, limit, ({ id }) => id),
        });
      },
    }),
    route('GET /v1/notifications/:id', {
      about: 'A notification',
      gives: { 200: json(NotificationView) },
      answer: async ({ params: { id = '' } }) => {
        const found = await notifications.get(id);
        if (found === undefined) throw notFound('notification', id);
        return ok(notificationView(found));
      },
    }),
    route('POST /v1/notifications/:id/retry', {
      about: 'Take a notification to its SM-DP+ now',
      gives: { 200: json(NotificationRetryView) },
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
    route('DELETE /v1/notifications/:id', {
      about: 'Drop a notification undelivered',
      gives: gone,
      answer: async ({ params: { id = '' } }) => {
        if (!(await notifications.drop(id))) throw notFound('notification', id);
        return { status: 204 };
      },
    }),
  ];
}
