import { computed, inject, Injectable, signal } from '@angular/core';
import { Api, Problem } from './api';

export interface Toast { id: number; text: string; kind: 'good' | 'bad' | 'news'; link?: string }

const remembered = 'owner-was-here';

/** Who is looking: a visitor, or the owner, editing or not. And what to tell them. */
@Injectable({ providedIn: 'root' })
export class Session {
  private readonly api = inject(Api);

  readonly email = signal<string | null>(null);
  readonly signedIn = computed(() => this.email() !== null);
  readonly wantsToEdit = signal(true);
  readonly editing = computed(() => this.signedIn() && this.wantsToEdit());
  readonly unread = signal(0);
  readonly news = signal(0);
  readonly toasts = signal<Toast[]>([]);
  private count = 0;

  /** Asks the api only in browsers where the owner has signed in before; visitors cause no request. */
  async resume(): Promise<void> {
    if (localStorage.getItem(remembered) !== '1') return;
    try {
      const { email } = await this.api.get<{ email: string | null }>('/session');
      this.email.set(email);
      if (!email) localStorage.removeItem(remembered);
    } catch {
      // The site stays readable when the api is away.
    }
  }

  async signIn(email: string, password: string): Promise<void> {
    const owner = await this.api.send<{ email: string }>('POST', '/session', { email, password });
    localStorage.setItem(remembered, '1');
    this.wantsToEdit.set(true);
    this.email.set(owner.email);
  }

  async signOut(): Promise<void> {
    await this.api.send('DELETE', '/session');
    localStorage.removeItem(remembered);
    this.email.set(null);
  }

  /** Runs a change and says how it went. */
  async attempt(work: () => Promise<unknown>, done = 'Saved'): Promise<boolean> {
    try {
      await work();
      if (done) this.tell(done, 'good');
      return true;
    } catch (error) {
      const problem = error instanceof Problem ? error : new Problem(0, 'That did not work.');
      if (problem.status === 401) this.email.set(null);
      const field = Object.values(problem.fields)[0];
      this.tell(problem.status === 401 ? 'Your session has ended. Please sign in again.' : field || problem.message, 'bad',
        problem.status === 401 ? '/owner' : undefined);
      return false;
    }
  }

  tell(text: string, kind: Toast['kind'], link?: string): void {
    const toast = { id: ++this.count, text, kind, link };
    this.toasts.update((all) => [...all.slice(-3), toast]);
    setTimeout(() => this.dismiss(toast.id), kind === 'good' ? 2500 : 9000);
  }

  dismiss(id: number): void {
    this.toasts.update((all) => all.filter((toast) => toast.id !== id));
  }
}
