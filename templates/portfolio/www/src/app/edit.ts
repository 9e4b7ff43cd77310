import { Directive, ElementRef, inject, input } from '@angular/core';
import { Session } from './session';

/**
 * Text that the owner changes where it stands: `<h1 [edit]="profile().headline" [save]="…" label="Headline">`.
 * For visitors it is only the text. Enter saves a single line, Escape takes the change back, leaving the field saves.
 */
@Directive({
  selector: '[edit]',
  host: {
    '[textContent]': 'edit()',
    '[attr.contenteditable]': 'session.editing() ? "plaintext-only" : null',
    '[attr.role]': 'session.editing() ? "textbox" : null',
    '[attr.aria-multiline]': 'session.editing() && lines() ? "true" : null',
    '[attr.aria-label]': 'session.editing() ? label() : null',
    '[attr.data-empty]': 'session.editing() ? label() : null',
    '[attr.tabindex]': 'session.editing() ? 0 : null',
    '[attr.spellcheck]': 'session.editing() ? "true" : null',
    '(keydown.escape)': 'revert()',
    '(keydown.enter)': 'enter($event)',
    '(blur)': 'keep()',
  },
})
export class Edit {
  readonly edit = input.required<string>();
  readonly save = input.required<(text: string) => Promise<unknown>>();
  readonly label = input.required<string>();
  readonly lines = input(false);
  protected readonly session = inject(Session);
  private readonly element: HTMLElement = inject(ElementRef).nativeElement;

  protected enter(event: Event): void {
    if (!this.session.editing() || this.lines()) return;
    event.preventDefault();
    this.element.blur();
  }

  protected revert(): void {
    if (!this.session.editing()) return;
    this.element.textContent = this.edit();
    this.element.blur();
  }

  protected async keep(): Promise<void> {
    if (!this.session.editing()) return;
    const text = (this.lines() ? this.element.innerText : this.element.innerText.replace(/\s+/g, ' ')).trim();
    if (text !== this.edit().trim()) {
      await this.session.attempt(() => this.save()(text));
    }
    // What is shown is what was kept: the server's cleaned text, or the old one after a refusal.
    this.element.textContent = this.edit();
  }
}
