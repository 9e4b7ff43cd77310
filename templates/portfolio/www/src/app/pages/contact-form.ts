import { Component, ElementRef, inject, signal, viewChild } from '@angular/core';
import { Api, Problem } from '../api';
import { Site } from '../site';

type Field = 'name' | 'email' | 'message';

/** Checks beside the field, once a field was left or the form was sent; keeps what was written when sending fails. */
@Component({
  selector: 'contact-form',
  template: `
    @if (sent()) {
      <div class="sent" role="status" tabindex="-1" #thanks>
        <h3>Thank you, it has arrived.</h3><p>You will get an answer by e-mail.</p>
        <button class="button quiet" type="button" (click)="sent.set(false)">Write another message</button>
      </div>
    } @else {
      <form class="contact-form" [action]="site.contactUrl" method="post" novalidate (submit)="send($event)" #form>
        <div class="field">
          <label for="c-name">Your name</label>
          <input id="c-name" name="name" autocomplete="name" maxlength="100" required (blur)="check('name')" (input)="recheck('name')"
            [attr.aria-invalid]="errors().name ? true : null" [attr.aria-describedby]="errors().name ? 'e-name' : null">
          @if (errors().name; as error) { <p class="error" id="e-name">{{ error }}</p> }
        </div>
        <div class="field">
          <label for="c-email">Your e-mail</label>
          <input id="c-email" name="email" type="email" autocomplete="email" maxlength="200" required (blur)="check('email')" (input)="recheck('email')"
            [attr.aria-invalid]="errors().email ? true : null" [attr.aria-describedby]="errors().email ? 'e-email' : null">
          @if (errors().email; as error) { <p class="error" id="e-email">{{ error }}</p> }
        </div>
        <div class="field">
          <label for="c-message">What is it about?</label>
          <textarea id="c-message" name="message" rows="5" maxlength="5000" required (blur)="check('message')" (input)="recheck('message')"
            [attr.aria-invalid]="errors().message ? true : null" [attr.aria-describedby]="errors().message ? 'e-message' : null"></textarea>
          @if (errors().message; as error) { <p class="error" id="e-message">{{ error }}</p> }
        </div>
        <div class="trap" aria-hidden="true"><label for="c-website">Leave this empty</label><input id="c-website" name="website" tabindex="-1" autocomplete="off"></div>
        @if (failure(); as text) { <p class="error" role="alert">{{ text }}</p> }
        <button class="button" type="submit" [disabled]="busy()">{{ busy() ? 'Sending…' : 'Send message' }}</button>
      </form>
    }
  `,
})
export class ContactForm {
  protected readonly site = inject(Site);
  private readonly api = inject(Api);
  private readonly form = viewChild<ElementRef<HTMLFormElement>>('form');
  private readonly thanks = viewChild<ElementRef<HTMLElement>>('thanks');
  protected readonly sent = signal(new URLSearchParams(location.search).has('sent'));
  protected readonly busy = signal(false);
  protected readonly failure = signal('');
  protected readonly errors = signal<Partial<Record<Field, string>>>({});

  protected check(field: Field): boolean {
    const value = this.value(field);
    let error = '';
    if (value === '') error = { name: 'Please tell me your name.', email: 'Where can I answer?', message: 'Please write a few words.' }[field];
    else if (field === 'email' && !/^[^\s@]+@[^\s@]+\.[^\s@]{2,}$/.test(value)) error = 'This does not look like an e-mail address.';
    this.errors.update((all) => ({ ...all, [field]: error || undefined }));
    return error === '';
  }

  protected recheck(field: Field): void {
    if (this.errors()[field]) this.check(field);
  }

  protected async send(event: Event): Promise<void> {
    event.preventDefault();
    this.failure.set('');
    const wrong = (['name', 'email', 'message'] as Field[]).filter((field) => !this.check(field));
    if (wrong.length) return this.focus(wrong[0]);
    this.busy.set(true);
    try {
      const data = Object.fromEntries(new FormData(this.form()!.nativeElement));
      await this.api.send('POST', '/contact', data);
      this.sent.set(true);
      setTimeout(() => this.thanks()?.nativeElement.focus());
    } catch (error) {
      const problem = error as Problem;
      this.errors.set(problem.fields ?? {});
      const first = Object.keys(problem.fields ?? {})[0] as Field | undefined;
      if (first) this.focus(first);
      else this.failure.set(problem.message);
    } finally {
      this.busy.set(false);
    }
  }

  private value(field: Field): string {
    return (this.form()?.nativeElement.elements.namedItem(field) as HTMLInputElement | null)?.value.trim() ?? '';
  }

  private focus(field: Field): void {
    (this.form()?.nativeElement.elements.namedItem(field) as HTMLElement | null)?.focus();
  }
}
