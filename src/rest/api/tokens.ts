/** Tokens: who may call the REST API, and for what. */
import { z } from 'zod';
import { cursor, pageLimit } from './query.ts';

/** Each may all that the one before may: look; order; change who is trusted (devices, tokens, facts of eUICCs). */
export const Role = z.enum(['read', 'operate', 'admin']);
export type Role = z.infer<typeof Role>;

/** POST /v1/tokens. */
export const TokenAddition = z.strictObject({
  name: z.string().min(1).max(128).describe('What it is for'),
  role: Role.describe('each may all that those before it may'),
  expires: z.iso
    .datetime({ offset: true, error: 'must be a time as 2027-01-31T00:00:00Z' })
    .exactOptional()
    .describe('From then on it is not taken any more; absent: it never ends'),
});
export type TokenAddition = z.infer<typeof TokenAddition>;

/** GET /v1/tokens: those after an id, in the order of ids. */
export const TokenQuery = z.strictObject({
  role: Role.exactOptional().describe('of this role alone'),
  after: cursor(z.string().max(64)),
  limit: pageLimit,
});

/** GET /v1/tokens: without its secret. */
export const TokenView = z.strictObject({
  id: z.string().describe('By which it is deleted'),
  name: z.string().describe('What it is for'),
  role: Role.describe('Each may all that those before it may'),
  added: z.iso.datetime().describe('When it was made'),
  expires: z.iso
    .datetime()
    .exactOptional()
    .describe('From then on it is not taken; absent: it never ends'),
  expired: z.literal(true).exactOptional().describe('Only where it is past its time'),
  lastUsed: z.iso
    .datetime()
    .exactOptional()
    .describe('To the minute; absent where it was never used'),
});
export type TokenView = z.infer<typeof TokenView>;

/** POST /v1/tokens: the only answer that holds the secret. */
export const NewTokenView = TokenView.extend({
  token: z.string().describe('The secret: told this once; goes into `Authorization: Bearer`'),
});
export type NewTokenView = z.infer<typeof NewTokenView>;

export const TokenList = z.strictObject({
  tokens: z.array(TokenView).describe('In the order of their ids'),
  next: z
    .string()
    .exactOptional()
    .describe('There may be more: ask again with `after` set to this'),
});
export type TokenList = z.infer<typeof TokenList>;
