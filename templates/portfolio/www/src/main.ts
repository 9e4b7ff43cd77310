import { bootstrapApplication } from '@angular/platform-browser';
import { inject, provideAppInitializer } from '@angular/core';
import { provideRouter, withEnabledBlockingInitialNavigation, withInMemoryScrolling, withViewTransitions } from '@angular/router';
import { Frame } from './app/frame';
import { routes } from './app/routes';
import { Site } from './app/site';
import { Session } from './app/session';

// The first page is on screen already (the server sent it). Angular replaces it in one step, once the data and the
// route are ready.
bootstrapApplication(Frame, {
  providers: [
    provideAppInitializer(() => {
      const session = inject(Session);
      const site = inject(Site);
      return Promise.all([session.resume(), site.load()]).then(() => undefined);
    }),
    provideRouter(
      routes,
      withEnabledBlockingInitialNavigation(),
      withInMemoryScrolling({ anchorScrolling: 'enabled', scrollPositionRestoration: 'enabled' }),
      withViewTransitions({ skipInitialTransition: true }),
    ),
  ],
}).catch((error) => console.error(error));
