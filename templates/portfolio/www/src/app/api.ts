import { Injectable } from '@angular/core';
import { SiteConfig } from './model';

/** A refusal the person can read, with a message per form field where there is one. */
export class Problem extends Error {
  constructor(readonly status: number, message: string, readonly fields: Record<string, string> = {}) {
    super(message);
  }
}

@Injectable({ providedIn: 'root' })
export class Api {
  config: SiteConfig = { name: 'Portfolio', domain: location.hostname, apiUrl: '/api', alertUrl: location.origin };

  /** The api as seen from this page. Under another name of the site (www.…) the same path of this host is used. */
  get base(): string {
    const url = new URL(this.config.apiUrl || '/api', location.origin);
    return location.hostname === this.config.domain ? url.href.replace(/\/$/, '') : location.origin + url.pathname.replace(/\/$/, '');
  }

  get<T>(path: string): Promise<T> {
    return this.send<T>('GET', path);
  }

  async send<T>(method: string, path: string, body?: unknown): Promise<T> {
    const file = body instanceof Blob;
    const headers: Record<string, string> = {};
    if (body !== undefined) headers['Content-Type'] = file ? body.type : 'application/json';
    // Changes without a body still say JSON: the api takes nothing else from a browser.
    else if (method !== 'GET') headers['Content-Type'] = 'application/json';
    let answer: Response;
    try {
      answer = await fetch(this.base + path, {
        method, headers, credentials: 'include', body: file ? body : body === undefined ? undefined : JSON.stringify(body),
      });
    } catch {
      throw new Problem(0, 'No connection. Please try again in a moment.');
    }
    if (answer.status === 204) return undefined as T;
    const value = await answer.json().catch(() => null);
    if (!answer.ok) {
      throw new Problem(answer.status, value?.detail || value?.title || 'That did not work. Please try again.', value?.errors ?? {});
    }
    return value as T;
  }
}
