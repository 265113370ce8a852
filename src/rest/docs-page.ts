/**
 * The page of /v1/docs: the OpenAPI document as HTML, and a form for each operation. All of it is in the one answer:
 * the policy lets nothing else in, and lets its script ask this eIM alone.
 */
import { createHash } from 'node:crypto';
import { members } from '../base/members.ts';
import type { OpenApi, Operation } from './openapi.ts';
import type { Parameter, Part } from './openapi-parameters.ts';

const style = `
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; }
h2 { margin-top: 2.5rem; } code, pre, textarea, input { font: 13px/1.4 ui-monospace, monospace; }
details { border: 1px solid #8886; border-radius: 6px; margin: .4rem 0; padding: .3rem .7rem; }
summary { cursor: pointer; } summary b { display: inline-block; min-width: 4.2rem; }
pre { overflow: auto; max-height: 24rem; background: #8881; padding: .6rem; border-radius: 6px; }
label { display: block; margin: .4rem 0; } input, textarea { width: 100%; box-sizing: border-box; }
textarea { min-height: 12rem; } .role { opacity: .7; float: right; }
`;

/** Fills a form's values into its path, asks, and shows the answer; a stream as it comes, until it is asked for anew. */
const script = `
const token = document.getElementById('token');
for (const form of document.forms) form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const out = form.querySelector('output');
  const { method, path } = form.dataset;
  const headers = {}, query = new URLSearchParams();
  let url = path, body;
  for (const field of form.elements) {
    if (!field.name || field.value === '') continue;
    if (field.dataset.in === 'path') url = url.replace('{' + field.name + '}', encodeURIComponent(field.value));
    if (field.dataset.in === 'query') query.set(field.name, field.value);
    if (field.dataset.in === 'header') headers[field.name] = field.value;
    if (field.dataset.in === 'body') { body = field.value; headers['content-type'] = 'application/json'; }
  }
  if (token.value !== '') headers.authorization = 'Bearer ' + token.value;
  if (form.ask) form.ask.abort();
  const ask = form.ask = new AbortController();
  const tell = (text) => { if (form.ask === ask) out.textContent = text; };
  tell('…');
  try {
    const answer = await fetch(url + (query.size > 0 ? '?' + query : ''), { method, headers, body, signal: ask.signal });
    let text = '';
    const show = () => tell(answer.status + ' ' + answer.url + '\\n\\n' + pretty(text));
    show();
    const decoder = new TextDecoder();
    for (const reader = answer.body?.getReader(); reader;) {
      const { done, value } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
      show();
    }
  } catch (error) {
    tell(String(error));
  }
});
function pretty(text) {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}
`;

/** Of the page: its own script and style, requests to this eIM, and nothing else. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  `script-src ${hashOf(script)}`,
  `style-src ${hashOf(style)}`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export function docsPage({ info, tags, paths, components }: OpenApi): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
  );
  const sections = tags.map(({ name, description }) => {
    const own = operations.filter(({ operation }) => operation.tags.includes(name));
    return `<h2>${text(name)}</h2><p>${text(description)}</p>${own.map(operationHtml).join('')}`;
  });
  const { schemas = {} } = components;
  const answers = Object.entries(schemas as Part).map(
    ([name, schema]) =>
      `<details id="${text(name)}"><summary>${text(name)}</summary>${jsonHtml(schema)}</details>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${text(info.title)} ${text(info.version)}</title><style>${style}</style></head><body>
<h1>${text(info.title)} ${text(info.version)}</h1><p>${text(info.description)}
The same for programs: <a href="/v1/openapi.json">openapi.json</a>.</p>
<label>Token, where one is needed; it stays in this page <input id="token" type="password" autocomplete="off"></label>
${sections.join('\n')}
<h2>Answers</h2>${answers.join('\n')}
<script>${script}</script></body></html>
`;
}

function operationHtml(one: {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}): string {
  const { method, path, operation } = one;
  const { parameters = [], requestBody, responses, summary, description } = operation;
  return `<details id="${text(operation.operationId)}"><summary><b>${text(method.toUpperCase())}</b> <code>${text(path)}</code>
<span class="role">${text(description)}</span><br>${text(summary)}</summary>
<form data-method="${text(method.toUpperCase())}" data-path="${text(path)}">
${parameters.map(fieldHtml).join('')}
${requestBody === undefined ? '' : bodyHtml(requestBody)}
<button>Send</button><pre><output></output></pre></form>
<details><summary>Answers</summary>${jsonHtml(responses)}</details></details>`;
}

/** A field with the example in it, and the schema. */
function bodyHtml({ content }: Part): string {
  const { schema, example } = members(members(content)['application/json']);
  const shown = example === undefined ? '' : text(JSON.stringify(example, null, 2));
  return `<label>Body <textarea name="body" data-in="body">${shown}</textarea></label>
<details><summary>Schema of the body</summary>${jsonHtml(schema)}</details>`;
}

function fieldHtml(parameter: Parameter): string {
  const { name, in: place, required, description = '', schema, example } = parameter;
  const hint = example === undefined ? '' : ` placeholder="${text(String(example))}"`;
  const told = [description, schema.description, choices(schema)].filter(
    (one) => typeof one === 'string' && one !== '',
  );
  return `<label>${text(name)} <small>${text(`${place}${required ? ', required' : ''}. ${told.join('. ')}`)}</small>
<input name="${text(name)}" data-in="${place}"${required ? ' required' : ''}${hint}></label>`;
}

function choices({ enum: list }: Part): string {
  return Array.isArray(list) ? `One of ${list.join(', ')}` : '';
}

function jsonHtml(value: unknown): string {
  const shown = text(JSON.stringify(value, null, 2));
  const linked = shown.replace(
    /#\/components\/schemas\/(\w+)/g,
    (whole, name) => `<a href="#${name}">${whole}</a>`,
  );
  return `<pre>${linked}</pre>`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

function text(value: string): string {
  return value.replace(/[&<>"]/g, (character) => entities[character] ?? '');
}

function hashOf(source: string): string {
  return `'sha256-${createHash('sha256').update(source).digest('base64')}'`;
}
