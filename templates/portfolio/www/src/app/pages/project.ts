import { Component, computed, effect, ElementRef, inject, signal, viewChild } from '@angular/core';
import { toSignal } from '@angular/core/rxjs-interop';
import { Title } from '@angular/platform-browser';
import { ActivatedRoute, Router, RouterLink } from '@angular/router';
import { Edit } from '../edit';
import { Picture, Project } from '../model';
import { PictureTools } from '../owner/picture-tools';
import { Session } from '../session';
import { Site } from '../site';

/** One project: what it was, its pictures (they open large), and the way to the next. Mirrored in api/src/Pages.php. */
@Component({
  selector: 'project-page',
  imports: [Edit, PictureTools, RouterLink],
  template: `
    @let editing = session.editing();
    @if (project(); as project) {
      <article class="project">
        <header class="project-head">
          <p class="back"><a routerLink="/" fragment="work">All work</a></p>
          @if (editing) {
            <div class="tools">
              <label class="switch"><input type="checkbox" [checked]="project.published" (change)="publish(project, $event)"> Published</label>
              <button type="button" class="tool danger" (click)="confirm.showModal()">Delete project</button>
            </div>
          }
          <h1><span [edit]="project.title" [save]="set('title')" label="Title"></span></h1>
          @if (project.summary || editing) { <p class="lede"><span [edit]="project.summary" [save]="set('summary')" label="One sentence about it"></span></p> }
          @if (editing) {
            <p class="tag-line"><span [edit]="project.tags.join(', ')" [save]="setTags" label="Tags, separated by commas"></span></p>
          } @else {
            <ul class="tags">@for (tag of project.tags; track tag) { <li>{{ tag }}</li> }</ul>
          }
        </header>
        <div class="project-body">
          <dl class="facts">
            @if (project.client || editing) { <div><dt>Client</dt><dd><span [edit]="project.client" [save]="set('client')" label="Client"></span></dd></div> }
            @if (project.role || editing) { <div><dt>My part</dt><dd><span [edit]="project.role" [save]="set('role')" label="Your part"></span></dd></div> }
            @if (project.year || editing) { <div><dt>Year</dt><dd><span [edit]="'' + (project.year ?? '')" [save]="set('year')" label="Year"></span></dd></div> }
            @if (editing) { <div><dt>Link</dt><dd><span [edit]="project.url" [save]="set('url')" label="Web address of the result"></span></dd></div> }
          </dl>
          <div class="prose" [edit]="project.body" [save]="set('body')" [lines]="true" label="The story"></div>
          @if (project.url && !editing) { <p><a class="button quiet" [href]="project.url" rel="noopener">Visit the result</a></p> }
        </div>
        @if (editing) { @defer { <picture-tools [project]="project" /> } }
        @else {
          <ul class="gallery">
            @for (picture of project.images; track picture.id) {
              <li><button type="button" class="picture" [attr.aria-label]="'Enlarge: ' + (picture.alt || 'picture ' + ($index + 1))" (click)="open($index)">
                <img [src]="picture.url" alt="" [width]="picture.width" [height]="picture.height" [loading]="$first ? 'eager' : 'lazy'"></button></li>
            }
          </ul>
        }
        @if (next(); as next) {
          <nav class="next" aria-label="More work"><a [routerLink]="['/work', next.slug]"><span>Next</span><strong>{{ next.title }}</strong></a></nav>
        }
      </article>

      <dialog class="lightbox" #lightbox aria-label="Pictures of this project" (keydown.arrowright)="step(1)" (keydown.arrowleft)="step(-1)" (click)="outside($event)">
        @if (enlarged(); as picture) {
          <figure><img [src]="picture.url" [alt]="picture.alt" [width]="picture.width" [height]="picture.height">
            <figcaption>{{ picture.alt }} <span>{{ place() + 1 }} / {{ project.images.length }}</span></figcaption></figure>
          <button type="button" class="round previous" aria-label="Previous picture" (click)="step(-1)">←</button>
          <button type="button" class="round following" aria-label="Next picture" (click)="step(1)">→</button>
          <button type="button" class="round close" aria-label="Close" (click)="lightbox.close()">×</button>
        }
      </dialog>

      <dialog class="ask" #confirm aria-labelledby="ask-title">
        <h2 id="ask-title">Delete “{{ project.title }}”?</h2>
        <p>Its text and {{ project.images.length }} pictures are removed for good.</p>
        <div class="actions"><button type="button" class="button danger" (click)="confirm.close(); remove(project)">Delete</button>
          <button type="button" class="button quiet" (click)="confirm.close()">Keep it</button></div>
      </dialog>
    } @else {
      <section class="plain"><h1>This page is not here.</h1><p>It may have moved, or the address has a slip in it.</p>
        <p><a class="button" routerLink="/">To the first page</a></p></section>
    }
  `,
})
export class ProjectPage {
  protected readonly site = inject(Site);
  protected readonly session = inject(Session);
  private readonly router = inject(Router);
  private readonly params = toSignal(inject(ActivatedRoute).paramMap);
  private readonly lightbox = viewChild<ElementRef<HTMLDialogElement>>('lightbox');
  protected readonly place = signal(0);

  private readonly visible = computed(() => this.site.projects().filter((project) => project.published || this.session.signedIn()));
  protected readonly project = computed(() => this.visible().find((project) => project.slug === this.params()?.get('slug')));
  protected readonly next = computed(() => {
    const all = this.visible();
    const index = all.findIndex((project) => project.id === this.project()?.id);
    return all.length > 1 && index >= 0 ? all[(index + 1) % all.length] : undefined;
  });
  protected readonly enlarged = computed<Picture | undefined>(() => this.project()?.images[this.place()]);

  constructor() {
    const title = inject(Title);
    effect(() => title.setTitle(`${this.project()?.title ?? 'Not found'} – ${this.site.name()}`));
  }

  protected set(field: keyof Project): (text: string) => Promise<void> {
    return this.setters[field] ??= (text) => this.site.saveProject(this.project()!.id, { [field]: text });
  }
  private readonly setters: Partial<Record<keyof Project, (text: string) => Promise<void>>> = {};

  protected readonly setTags = (text: string): Promise<void> =>
    this.site.saveProject(this.project()!.id, { tags: text.split(',').map((tag) => tag.trim()).filter(Boolean) });

  protected publish(project: Project, event: Event): void {
    const published = (event.target as HTMLInputElement).checked;
    void this.session.attempt(() => this.site.saveProject(project.id, { published }), published ? 'Published' : 'Back to draft');
  }

  protected async remove(project: Project): Promise<void> {
    if (await this.session.attempt(() => this.site.deleteProject(project.id), 'Deleted')) {
      await this.router.navigate(['/'], { fragment: 'work' });
    }
  }

  protected open(place: number): void {
    this.place.set(place);
    this.lightbox()?.nativeElement.showModal();
  }

  protected step(by: number): void {
    const count = this.project()?.images.length ?? 1;
    this.place.update((place) => (place + by + count) % count);
  }

  protected outside(event: Event): void {
    if (event.target === this.lightbox()?.nativeElement) this.lightbox()?.nativeElement.close();
  }
}
