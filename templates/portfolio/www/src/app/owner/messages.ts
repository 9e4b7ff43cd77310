import { DatePipe } from '@angular/common';
import { Component, effect, inject, signal } from '@angular/core';
import { Title } from '@angular/platform-browser';
import { Router } from '@angular/router';
import { Api } from '../api';
import { Message } from '../model';
import { Session } from '../session';
import { Site } from '../site';

/** What visitors wrote. New messages appear by themselves. */
@Component({
  selector: 'owner-messages',
  imports: [DatePipe],
  template: `
    <section class="plain messages">
      <h1>Messages</h1>
      @for (message of messages(); track message.id) {
        <article class="message" [class.unread]="!message.read">
          <header><h2>{{ message.name }}</h2><a [href]="'mailto:' + message.email">{{ message.email }}</a>
            <time [attr.datetime]="message.sent_at">{{ message.sent_at | date: 'd MMM y, HH:mm' }}</time></header>
          <p>{{ message.message }}</p>
          <div class="tools">
            <a class="tool" [href]="'mailto:' + message.email + '?subject=Re: your message'">Answer</a>
            <button type="button" class="tool" (click)="mark(message)">{{ message.read ? 'Mark as unread' : 'Mark as read' }}</button>
            <button type="button" class="tool danger" [attr.aria-label]="'Delete message from ' + message.name" (click)="remove(message)">Delete</button>
          </div>
        </article>
      } @empty {
        @if (loaded()) { <p>Nothing yet. Messages from your contact form land here, and you hear of them at once while this site is open.</p> }
      }
      @if (more()) { <p><button type="button" class="button quiet" (click)="load(messages().at(-1)!.id)">Older messages</button></p> }
    </section>
  `,
})
export class Messages {
  private readonly api = inject(Api);
  private readonly session = inject(Session);
  protected readonly messages = signal<Message[]>([]);
  protected readonly loaded = signal(false);
  protected readonly more = signal(false);

  constructor() {
    inject(Title).setTitle(`Messages – ${inject(Site).name()}`);
    const router = inject(Router);
    effect(() => {
      this.session.news();
      if (this.session.signedIn()) void this.load();
      else void router.navigate(['/owner'], { replaceUrl: true });
    });
  }

  protected async load(before?: number): Promise<void> {
    await this.session.attempt(async () => {
      const page = await this.api.get<{ messages: Message[]; unread: number }>('/messages' + (before ? `?before=${before}` : ''));
      this.messages.update((all) => (before ? [...all, ...page.messages] : page.messages));
      this.more.set(page.messages.length === 50);
      this.session.unread.set(page.unread);
      this.loaded.set(true);
    }, '');
  }

  protected async mark(message: Message): Promise<void> {
    const read = !message.read;
    if (await this.session.attempt(() => this.api.send('PATCH', `/messages/${message.id}`, { read }), '')) {
      this.messages.update((all) => all.map((other) => (other.id === message.id ? { ...other, read } : other)));
      this.session.unread.update((count) => Math.max(0, count + (read ? -1 : 1)));
    }
  }

  protected async remove(message: Message): Promise<void> {
    if (await this.session.attempt(() => this.api.send('DELETE', `/messages/${message.id}`), 'Message deleted')) {
      this.messages.update((all) => all.filter((other) => other.id !== message.id));
      if (!message.read) this.session.unread.update((count) => Math.max(0, count - 1));
    }
  }
}
