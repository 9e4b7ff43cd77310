import { Component, inject, OnDestroy, signal } from '@angular/core';
import { Router, RouterLink } from '@angular/router';
import { Api, Problem } from '../api';
import { Link } from '../model';
import { Session } from '../session';
import { Site } from '../site';
import { Live } from './live';

const palettes = [
  { id: 'ultramarine', name: 'Ultramarine' }, { id: 'moss', name: 'Moss' }, { id: 'ember', name: 'Ember' }, { id: 'graphite', name: 'Graphite' },
];

/** The owner's bar: edit or preview, messages, settings of the site, sign out. */
@Component({
  selector: 'owner-bar',
  imports: [RouterLink],
  template: `
    <aside class="owner-bar" aria-label="Owner">
      <label class="switch"><input type="checkbox" [checked]="session.wantsToEdit()" (change)="session.wantsToEdit.set(!session.wantsToEdit())"> Edit</label>
      <a class="tool" routerLink="/owner/messages">Messages
        @if (session.unread()) { <b class="count">{{ session.unread() }}<span class="unseen"> unread</span></b> }</a>
      <button type="button" class="tool" (click)="openSettings(settings)">Settings</button>
      <button type="button" class="tool" (click)="leave()">Sign out</button>
    </aside>

    <dialog class="ask settings" #settings aria-labelledby="settings-title">
      <h2 id="settings-title">Settings</h2>
      <fieldset class="palettes"><legend>Inks</legend>
        @for (palette of palettes; track palette.id) {
          <label [attr.data-palette]="palette.id"><input type="radio" name="palette" [value]="palette.id" [checked]="site.profile().palette === palette.id" (change)="paint(palette.id)">
            <span class="mark" aria-hidden="true"><i></i><i></i><i></i></span>{{ palette.name }}</label>
        }
      </fieldset>
      <fieldset><legend>Links in the footer</legend>
        @for (link of links(); track $index) {
          <div class="link-row">
            <input aria-label="Name of the link" placeholder="Instagram" maxlength="40" [value]="link.label" (input)="setLink($index, 'label', $event)">
            <input aria-label="Address" placeholder="https://…" maxlength="300" [value]="link.url" (input)="setLink($index, 'url', $event)">
            <button type="button" class="tool danger" aria-label="Remove link" (click)="dropLink($index)">×</button>
          </div>
        }
        <div class="actions"><button type="button" class="tool" [disabled]="links().length >= 8" (click)="addLink()">Add link</button>
          <button type="button" class="tool" (click)="saveLinks()">Save links</button></div>
      </fieldset>
      <fieldset><legend>Résumé</legend>
        <p>{{ site.profile().ownResume ? 'Visitors download the PDF you uploaded.' : 'The PDF is made from your profile, work and skills.' }}</p>
        <div class="actions">
          <label class="tool upload">Upload a PDF<input type="file" accept="application/pdf" (change)="resume($event)"></label>
          @if (site.profile().ownResume) { <button type="button" class="tool" (click)="ownResumeAway()">Use the generated one</button> }
          <a class="tool" [href]="site.resumeUrl" download>Download</a>
        </div>
      </fieldset>
      <fieldset><legend>Password</legend>
        <form class="password" (submit)="password($event)">
          <input type="text" autocomplete="username" [value]="session.email() ?? ''" hidden>
          <label>Present password<input name="current" type="password" autocomplete="current-password" required></label>
          <label>New password<input name="password" type="password" autocomplete="new-password" minlength="12" required></label>
          @if (problem()) { <p class="error" role="alert">{{ problem() }}</p> }
          <button class="tool" type="submit">Change password</button>
        </form>
      </fieldset>
      <div class="actions end"><button type="button" class="button" (click)="settings.close()">Done</button></div>
    </dialog>
  `,
})
export class OwnerBar implements OnDestroy {
  protected readonly session = inject(Session);
  protected readonly site = inject(Site);
  private readonly api = inject(Api);
  private readonly router = inject(Router);
  private readonly live = inject(Live);
  protected readonly palettes = palettes;
  protected readonly links = signal<Link[]>([]);
  protected readonly problem = signal('');

  constructor() {
    void this.live.start();
    // Visitors' answers leave drafts out; now they belong on the page.
    void this.site.refresh().catch(() => undefined);
  }

  ngOnDestroy(): void {
    this.live.stop();
  }

  protected openSettings(dialog: HTMLDialogElement): void {
    this.links.set(this.site.profile().links.map((link) => ({ ...link })));
    dialog.showModal();
  }

  protected paint(palette: string): void {
    void this.session.attempt(() => this.site.saveProfile({ palette }));
  }

  protected setLink(place: number, field: keyof Link, event: Event): void {
    const value = (event.target as HTMLInputElement).value;
    this.links.update((all) => all.map((link, index) => (index === place ? { ...link, [field]: value } : link)));
  }

  protected addLink(): void {
    this.links.update((all) => [...all, { label: '', url: '' }]);
  }

  protected dropLink(place: number): void {
    this.links.update((all) => all.filter((_, index) => index !== place));
  }

  protected async saveLinks(): Promise<void> {
    const links = this.links().filter((link) => link.label || link.url);
    if (await this.session.attempt(() => this.site.saveProfile({ links }))) this.links.set(this.site.profile().links.map((link) => ({ ...link })));
  }

  protected resume(event: Event): void {
    const file = (event.target as HTMLInputElement).files?.[0];
    if (file) void this.session.attempt(() => this.site.saveResume(file), 'Résumé replaced');
  }

  protected ownResumeAway(): void {
    void this.session.attempt(() => this.site.saveResume(null), 'The generated résumé is used again');
  }

  protected async password(event: Event): Promise<void> {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    this.problem.set('');
    try {
      await this.api.send('PUT', '/session/password', Object.fromEntries(new FormData(form)));
      form.reset();
      this.session.tell('Password changed', 'good');
    } catch (error) {
      const problem = error as Problem;
      this.problem.set(Object.values(problem.fields)[0] || problem.message);
    }
  }

  protected async leave(): Promise<void> {
    if (await this.session.attempt(() => this.session.signOut(), 'Signed out')) {
      await this.site.refresh().catch(() => undefined);
      await this.router.navigate(['/']);
    }
  }
}
