import { Component, inject } from '@angular/core';
import { Title } from '@angular/platform-browser';
import { RouterLink } from '@angular/router';
import { Site } from '../site';

@Component({
  selector: 'not-found',
  imports: [RouterLink],
  template: `<section class="plain"><h1>This page is not here.</h1><p>It may have moved, or the address has a slip in it.</p>
    <p><a class="button" routerLink="/">To the first page</a></p></section>`,
})
export class NotFound {
  constructor() {
    inject(Title).setTitle(`Not found – ${inject(Site).name()}`);
  }
}
