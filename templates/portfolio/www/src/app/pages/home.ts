import { Component, computed, effect, inject, signal } from '@angular/core';
import { Title } from '@angular/platform-browser';
import { Router, RouterLink } from '@angular/router';
import { Edit } from '../edit';
import { Profile, Project } from '../model';
import { SkillsEditor } from '../owner/skills-editor';
import { Session } from '../session';
import { Site } from '../site';
import { ContactForm } from './contact-form';

/** The one long page: who, work, about, skills, contact. Mirrored in api/src/Pages.php. */
@Component({
  selector: 'home-page',
  imports: [ContactForm, Edit, RouterLink, SkillsEditor],
  template: `
    @let profile = site.profile();
    @let editing = session.editing();
    <section class="hero">
      <div class="hero-text">
        @if (profile.availability || editing) {
          <p class="kicker"><span [edit]="profile.availability" [save]="set('availability')" label="Availability"></span></p>
        }
        <h1 [class.long]="profile.headline.length > 48"><span [edit]="profile.headline" [save]="set('headline')" label="Headline"></span></h1>
        @if (profile.intro || editing) { <p class="lede"><span [edit]="profile.intro" [save]="set('intro')" label="Introduction"></span></p> }
        <div class="actions">
          <a class="button" routerLink="/" fragment="work">See the work</a>
          <a class="button quiet" [href]="site.resumeUrl" download>Résumé (PDF)</a>
        </div>
      </div>
      <div class="hero-art">
        <span class="ink a"></span><span class="ink b"></span><span class="ink c"></span>
        <div class="portrait">
          @if (profile.portraitUrl) {
            <img [src]="profile.portraitUrl" [alt]="'Portrait of ' + profile.name" width="640" height="640" fetchpriority="high">
          }
        </div>
        @if (editing) {
          <label class="tool upload">Change portrait<input type="file" accept="image/jpeg,image/png,image/webp,image/avif" (change)="portrait($event)"></label>
        }
      </div>
    </section>

    @if (site.projects().length || editing) {
      <section class="work" id="work">
        <div class="section-head">
          <h2>Work</h2>
          <div class="filters" role="group" aria-label="Filter by kind">
            <button type="button" class="chip" [attr.aria-pressed]="tag() === ''" (click)="tag.set('')">All</button>
            @for (name of site.tags(); track name) {
              <button type="button" class="chip" [attr.aria-pressed]="tag() === name" (click)="tag.set(tag() === name ? '' : name)">{{ name }}</button>
            }
          </div>
        </div>
        <p class="unseen" role="status">{{ tag() ? shown().length + ' of ' + site.projects().length + ' projects' : '' }}</p>
        @if (editing) { <p><button type="button" class="button quiet" (click)="add()">Add a project</button></p> }
        <ul class="grid">
          @for (project of shown(); track project.id) {
            <li class="card" [class.dragged]="dragged() === project.id" [attr.draggable]="editing && !tag() ? true : null"
              (dragstart)="drag($event, project)" (dragover)="dragOver($event, project)" (drop)="$event.preventDefault()" (dragend)="drop()">
              <a [routerLink]="['/work', project.slug]">
                <span class="cover">
                  @if (project.images[0]; as cover) {
                    <img [src]="cover.url" [alt]="cover.alt" [width]="cover.width" [height]="cover.height" loading="lazy">
                  }
                </span>
                <span class="card-text"><strong>{{ project.title }}</strong><span>{{ project.summary }}</span><small>{{ meta(project) }}</small></span>
              </a>
              @if (editing) {
                <div class="tools">
                  @if (!project.published) { <span class="draft">Draft</span> }
                  <button type="button" class="tool" [disabled]="$first || !!tag()" [attr.aria-label]="'Move ' + project.title + ' up'" (click)="move(project, -1)">↑</button>
                  <button type="button" class="tool" [disabled]="$last || !!tag()" [attr.aria-label]="'Move ' + project.title + ' down'" (click)="move(project, 1)">↓</button>
                  <a class="tool" [routerLink]="['/work', project.slug]" [attr.aria-label]="'Edit ' + project.title">Edit</a>
                </div>
              }
            </li>
          }
        </ul>
      </section>
    }

    <section class="about" id="about">
      <div class="about-head">
        <h2>About</h2>
        <p class="who"><strong><span [edit]="profile.name" [save]="set('name')" label="Your name"></span></strong><span [edit]="profile.role" [save]="set('role')" label="What you do"></span></p>
      </div>
      <div class="about-text" [edit]="profile.about" [save]="set('about')" [lines]="true" label="About you"></div>
      <dl class="facts">
        @if (profile.location || editing) { <div><dt>Based in</dt><dd><span [edit]="profile.location" [save]="set('location')" label="Place"></span></dd></div> }
        @if (profile.languages || editing) { <div><dt>Speaks</dt><dd><span [edit]="profile.languages" [save]="set('languages')" label="Languages"></span></dd></div> }
        @if (profile.clients || editing) { <div><dt>Works with</dt><dd><span [edit]="profile.clients" [save]="set('clients')" label="Clients"></span></dd></div> }
      </dl>
    </section>

    @if (site.skills().length || editing) {
      <section class="skills" id="skills">
        <h2>Skills</h2>
        @if (editing) {
          @defer { <skills-editor /> }
        } @else {
          <div class="skill-groups">
            @for (group of site.skillGroups(); track group.category) {
              <div class="skill-group"><h3>{{ group.category }}</h3>
                <ul>
                  @for (skill of group.skills; track skill.id) {
                    <li><span>{{ skill.name }}</span><span class="leader"></span>
                      @if (skill.years !== null) { <span class="years">{{ skill.years === 1 ? '1 year' : skill.years + ' years' }}</span> }</li>
                  }
                </ul>
              </div>
            }
          </div>
        }
      </section>
    }

    <section class="contact" id="contact">
      <div class="contact-text">
        <h2>Let’s talk</h2>
        <p>Tell me what you make and what should change. A few lines are plenty.</p>
        @if (editing) {
          <p><span class="mail" [edit]="profile.email" [save]="set('email')" label="Public e-mail address"></span></p>
        } @else if (profile.email) {
          <p><a class="mail" [href]="'mailto:' + profile.email">{{ profile.email }}</a></p>
        }
      </div>
      <contact-form />
    </section>
  `,
})
export class Home {
  protected readonly site = inject(Site);
  protected readonly session = inject(Session);
  private readonly router = inject(Router);
  protected readonly tag = signal('');
  protected readonly dragged = signal<number | null>(null);
  protected readonly shown = computed(() => {
    const projects = this.session.editing() ? this.site.projects() : this.site.projects().filter((project) => project.published);
    return this.tag() ? projects.filter((project) => project.tags.includes(this.tag())) : projects;
  });

  constructor() {
    const title = inject(Title);
    effect(() => {
      const role = this.site.profile().role;
      title.setTitle(this.site.name() + (role ? ` – ${role}` : ''));
    });
    // A tag that nobody carries any more cannot stay chosen.
    effect(() => {
      if (this.tag() && !this.site.tags().includes(this.tag())) this.tag.set('');
    });
  }

  protected set(field: keyof Profile): (text: string) => Promise<void> {
    return this.setters[field] ??= (text) => this.site.saveProfile({ [field]: text });
  }
  private readonly setters: Partial<Record<keyof Profile, (text: string) => Promise<void>>> = {};

  protected meta(project: Project): string {
    return [...project.tags.slice(0, 3), project.year ?? ''].filter(Boolean).join(' · ');
  }

  protected portrait(event: Event): void {
    const file = (event.target as HTMLInputElement).files?.[0];
    if (file) void this.session.attempt(() => this.site.savePortrait(file), 'New portrait saved');
  }

  protected async add(): Promise<void> {
    await this.session.attempt(async () => {
      const project = await this.site.addProject('New project');
      await this.router.navigate(['/work', project.slug]);
    }, 'Draft created. Only you can see it until you publish it.');
  }

  protected move(project: Project, step: number): void {
    const ids = this.site.projects().map((other) => other.id);
    const from = ids.indexOf(project.id);
    ids.splice(from, 1);
    ids.splice(from + step, 0, project.id);
    void this.session.attempt(() => this.site.orderProjects(ids), `${project.title} is now number ${from + step + 1}`);
  }

  protected drag(event: DragEvent, project: Project): void {
    if (!this.session.editing() || this.tag()) return;
    event.dataTransfer?.setData('text/plain', project.title);
    this.dragged.set(project.id);
  }

  protected dragOver(event: DragEvent, over: Project): void {
    const dragged = this.dragged();
    if (dragged === null) return;
    event.preventDefault();
    if (dragged === over.id) return;
    this.site.projects.update((all) => {
      const moving = all.find((project) => project.id === dragged)!;
      const target = all.findIndex((project) => project.id === over.id);
      const rest = all.filter((project) => project.id !== dragged);
      return [...rest.slice(0, target), moving, ...rest.slice(target)];
    });
  }

  protected drop(): void {
    if (this.dragged() === null) return;
    this.dragged.set(null);
    const ids = this.site.projects().map((project) => project.id);
    void this.session.attempt(() => this.site.orderProjects(ids), 'New order saved');
  }
}
