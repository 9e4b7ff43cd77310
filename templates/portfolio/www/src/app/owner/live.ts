import { inject, Injectable } from '@angular/core';
import { Api } from '../api';
import { Message } from '../model';
import { Session } from '../session';

/** New contact messages as they arrive. The socket only says that there is one; the page fetches it. */
@Injectable({ providedIn: 'root' })
export class Live {
  private readonly api = inject(Api);
  private readonly session = inject(Session);
  private socket?: { disconnect(): unknown };
  private starting = false;

  async start(): Promise<void> {
    if (this.socket || this.starting) return;
    this.starting = true;
    await this.count().catch(() => undefined);
    const { io } = await import('socket.io-client');
    const url = new URL(this.api.config.alertUrl || location.origin, location.origin);
    const origin = location.hostname === this.api.config.domain ? url.origin : location.origin;
    const socket = io(origin, { path: '/socket.io', withCredentials: true, transports: ['websocket', 'polling'] });
    socket.on('message', () => void this.announce());
    socket.io.on('reconnect', () => void this.count().catch(() => undefined));
    socket.on('connect', () => (document.documentElement.dataset['live'] = 'on'));
    socket.on('disconnect', () => (document.documentElement.dataset['live'] = 'off'));
    this.socket = socket;
    this.starting = false;
  }

  stop(): void {
    this.socket?.disconnect();
    this.socket = undefined;
  }

  private async count(): Promise<Message[]> {
    const { messages, unread } = await this.api.get<{ messages: Message[]; unread: number }>('/messages');
    this.session.unread.set(unread);
    return messages;
  }

  private async announce(): Promise<void> {
    const [newest] = await this.count().catch(() => []);
    this.session.news.update((count) => count + 1);
    this.session.tell(newest ? `New message from ${newest.name}` : 'A new message has arrived', 'news', '/owner/messages');
  }
}
