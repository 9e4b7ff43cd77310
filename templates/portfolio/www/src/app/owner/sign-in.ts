import { Component, effect, inject, signal } from '@angular/core';
import { Title } from '@angular/platform-browser';
import { Router } from '@angular/router';
import { Problem } from '../api';
import { Session } from '../session';
import { Site } from '../site';

@Component({
  selector: 'sign-in',
  template: `
    <section class="plain narrow">
      <h1>Welcome back.</h1>
      <p>Sign in to change your site right where it stands.</p>
      <form class="contact-form" (submit)="send($event)">
        <div class="field"><label for="o-email">E-mail</label><input id="o-email" name="email" type="email" autocomplete="username" required></div>
        <div class="field"><label for="o-password">Password</label><input id="o-password" name="password" type="password" autocomplete="current-password" required></div>
        @if (failure()) { <p class="error" role="alert">{{ failure() }}</p> }
        <button class="button" type="submit" [disabled]="busy()">{{ busy() ? 'Signing in…' : 'Sign in' }}</button>
      </form>
    </section>
  `,
})
export class SignIn {
  private readonly session = inject(Session);
  private readonly router = inject(Router);
  protected readonly failure = signal('');
  protected readonly busy = signal(false);

  constructor() {
    inject(Title).setTitle(`Sign in – ${inject(Site).name()}`);
    effect(() => {
      if (this.session.signedIn()) void this.router.navigate(['/'], { replaceUrl: true });
    });
  }

  protected async send(event: Event): Promise<void> {
    event.preventDefault();
    const data = new FormData(event.target as HTMLFormElement);
    this.busy.set(true);
    this.failure.set('');
    try {
      await this.session.signIn(String(data.get('email')), String(data.get('password')));
    } catch (error) {
      const problem = error as Problem;
      this.failure.set(Object.values(problem.fields ?? {})[0] || problem.message);
    } finally {
      this.busy.set(false);
    }
  }
}
