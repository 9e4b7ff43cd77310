import { afterNextRender, Component, inject, Injector } from '@angular/core';
import { NavigationEnd, Router, RouterLink, RouterOutlet } from '@angular/router';
import { filter, take } from 'rxjs';
import { OwnerBar } from './owner/owner-bar';
import { Session } from './session';
import { Site } from './site';

/** Header, page, footer; and for the owner the bar at the bottom. Mirrored in api/src/Pages.php. */
@Component({
  selector: 'app-root',
  imports: [RouterLink, RouterOutlet, OwnerBar],
  template: `
    <a class="skip" href="#main" (click)="skip($event)">Skip to content</a>
    <header class="bar">
      <a class="brand" routerLink="/"><span class="mark" aria-hidden="true"><i></i><i></i><i></i></span><span class="brand-name">{{ site.name() }}</span></a>
      <nav aria-label="Main">
        <a routerLink="/" fragment="work">Work</a><a routerLink="/" fragment="about">About</a><a routerLink="/" fragment="skills">Skills</a><a routerLink="/" fragment="contact">Contact</a>
      </nav>
      <button class="theme" type="button" aria-label="Switch between light and dark" (click)="switchTheme()"><span aria-hidden="true"></span></button>
    </header>
    <main id="main" tabindex="-1">
      @if (site.failed()) {
        <section class="plain"><h1>Back in a moment.</h1><p>The content could not be fetched just now.</p>
          <p><button class="button" type="button" (click)="again()">Try again</button></p></section>
      }
      <router-outlet />
    </main>
    <footer class="foot">
      <p>© {{ site.name() }}</p>
      @if (site.profile().links.length) {
        <ul class="links">
          @for (link of site.profile().links; track $index) {
            <li><a [href]="link.url" rel="me noopener">{{ link.label }}</a></li>
          }
        </ul>
      }
      <a routerLink="/owner" rel="nofollow">Owner</a>
    </footer>
    <div class="toasts" role="status" aria-live="polite">
      @for (toast of session.toasts(); track toast.id) {
        <p class="toast" [class]="toast.kind">
          <span>{{ toast.text }}</span>
          @if (toast.link) { <a [routerLink]="toast.link">Open</a> }
          <button type="button" aria-label="Dismiss" (click)="session.dismiss(toast.id)">×</button>
        </p>
      }
    </div>
    @defer (when session.signedIn()) { @if (session.signedIn()) { <owner-bar /> } }
  `,
})
export class Frame {
  protected readonly site = inject(Site);
  protected readonly session = inject(Session);

  constructor() {
    const injector = inject(Injector);
    inject(Router).events.pipe(filter((event) => event instanceof NavigationEnd), take(1))
      .subscribe(() => afterNextRender(() => takeOver(), { injector }));
  }

  protected skip(event: Event): void {
    event.preventDefault();
    document.getElementById('main')?.focus();
  }

  protected again(): void {
    void this.session.attempt(() => this.site.refresh(), '');
  }

  /** Kept in a cookie, so that the server already sends the next page in the chosen colours. */
  protected switchTheme(): void {
    const root = document.documentElement;
    const dark = root.dataset['theme'] ? root.dataset['theme'] === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    const next = dark ? 'light' : 'dark';
    root.dataset['theme'] = next;
    document.cookie = `theme=${next}; path=/; max-age=31536000; samesite=lax${location.protocol === 'https:' ? '; secure' : ''}`;
  }
}

/** Swaps the page the server sent for the living one in a single step, with whatever was typed into it so far. */
function takeOver(): void {
  const server = document.getElementById('server');
  const root = document.querySelector('app-root');
  if (!server || !root) return;
  const typed = [...server.querySelectorAll<HTMLInputElement | HTMLTextAreaElement>('input, textarea')];
  const focused = server.contains(document.activeElement) ? document.activeElement?.id : '';
  server.remove();
  root.removeAttribute('hidden');
  for (const { id, value } of typed) {
    const field = document.getElementById(id) as HTMLInputElement | null;
    if (field && value) field.value = value;
  }
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}
