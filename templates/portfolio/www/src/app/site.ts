import { computed, inject, Injectable, signal } from '@angular/core';
import { Api } from './api';
import { Picture, Profile, Project, SiteConfig, SiteData, Skill } from './model';

const nobody: Profile = {
  name: '', role: '', headline: '', intro: '', about: '', availability: '', location: '', languages: '', clients: '', email: '',
  links: [], portraitUrl: '', palette: 'ultramarine', ownResume: false,
};

/** The content of the site, and every change the owner can make to it. */
@Injectable({ providedIn: 'root' })
export class Site {
  private readonly api = inject(Api);

  readonly name = signal('Portfolio');
  readonly profile = signal<Profile>(nobody);
  readonly projects = signal<Project[]>([]);
  readonly skills = signal<Skill[]>([]);
  readonly failed = signal(false);
  readonly tags = computed(() => {
    const counts = new Map<string, number>();
    for (const project of this.projects()) for (const tag of project.tags) counts.set(tag, (counts.get(tag) ?? 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1]).slice(0, 10).map(([tag]) => tag);
  });
  readonly skillGroups = computed(() => {
    const groups = new Map<string, Skill[]>();
    for (const skill of this.skills()) groups.set(skill.category, [...(groups.get(skill.category) ?? []), skill]);
    return [...groups].map(([category, skills]) => ({ category, skills }));
  });

  get resumeUrl(): string {
    return `${this.api.base}/resume.pdf`;
  }

  get contactUrl(): string {
    return `${this.api.base}/contact`;
  }

  /** From the page itself where the server put it, else from config.json and the api, patiently: it may start late. */
  async load(): Promise<void> {
    const element = document.getElementById('site-state');
    if (element?.textContent) {
      const { config, site } = JSON.parse(element.textContent) as { config: SiteConfig; site: SiteData };
      element.remove();
      this.configure(config);
      this.take(site);
      return;
    }
    const config = await fetch('/config.json').then((answer) => (answer.ok ? answer.json() : null)).catch(() => null);
    if (config) this.configure(config);
    for (let attempt = 0; attempt < 8; attempt++) {
      try {
        return await this.refresh();
      } catch {
        await new Promise((done) => setTimeout(done, 400 + attempt * 400));
      }
    }
    this.failed.set(true);
  }

  async refresh(): Promise<void> {
    this.take(await this.api.get<SiteData>('/site'));
    this.failed.set(false);
  }

  async saveProfile(change: Partial<Profile>): Promise<void> {
    this.takeProfile(await this.api.send<Profile>('PATCH', '/profile', change));
  }

  async savePortrait(file: File): Promise<void> {
    this.takeProfile(await this.api.send<Profile>('PUT', '/profile/portrait', await smaller(file, 1000)));
  }

  async saveResume(file: Blob | null): Promise<void> {
    this.takeProfile(file
      ? await this.api.send<Profile>('PUT', '/resume.pdf', new Blob([file], { type: 'application/pdf' }))
      : await this.api.send<Profile>('DELETE', '/resume.pdf'));
  }

  async addProject(title: string): Promise<Project> {
    const project = await this.api.send<Project>('POST', '/projects', { title, published: false });
    this.projects.update((all) => [project, ...all]);
    return project;
  }

  async saveProject(id: number, change: Partial<Project>): Promise<void> {
    this.takeProject(await this.api.send<Project>('PATCH', `/projects/${id}`, change));
  }

  async deleteProject(id: number): Promise<void> {
    await this.api.send('DELETE', `/projects/${id}`);
    this.projects.update((all) => all.filter((project) => project.id !== id));
  }

  async orderProjects(ids: number[]): Promise<void> {
    const before = this.projects();
    this.projects.set(ids.map((id) => before.find((project) => project.id === id)!));
    try {
      await this.api.send('PUT', '/projects/order', { ids });
    } catch (error) {
      this.projects.set(before);
      throw error;
    }
  }

  async addPicture(project: number, file: File): Promise<void> {
    const alt = encodeURIComponent(file.name.replace(/\.\w+$/, '').replace(/[-_]+/g, ' ').slice(0, 120));
    this.takeProject(await this.api.send<Project>('POST', `/projects/${project}/images?alt=${alt}`, await smaller(file, 2000)));
  }

  async savePicture(project: number, picture: Picture, alt: string): Promise<void> {
    this.takeProject(await this.api.send<Project>('PATCH', `/projects/${project}/images/${picture.id}`, { alt }));
  }

  async deletePicture(project: number, picture: Picture): Promise<void> {
    this.takeProject(await this.api.send<Project>('DELETE', `/projects/${project}/images/${picture.id}`));
  }

  async orderPictures(project: number, ids: number[]): Promise<void> {
    this.takeProject(await this.api.send<Project>('PUT', `/projects/${project}/images/order`, { ids }));
  }

  async addSkill(category: string): Promise<void> {
    this.skills.set(await this.api.send<Skill[]>('POST', '/skills', { category, name: 'New skill', years: null }));
  }

  async saveSkill(id: number, change: Partial<Skill>): Promise<void> {
    this.skills.set(await this.api.send<Skill[]>('PATCH', `/skills/${id}`, change));
  }

  async deleteSkill(id: number): Promise<void> {
    this.skills.set(await this.api.send<Skill[]>('DELETE', `/skills/${id}`));
  }

  async orderSkills(ids: number[]): Promise<void> {
    this.skills.set(await this.api.send<Skill[]>('PUT', '/skills/order', { ids }));
  }

  private configure(config: SiteConfig): void {
    this.api.config = config;
    this.name.set(config.name || 'Portfolio');
  }

  private take(site: SiteData): void {
    this.takeProfile(site.profile);
    this.projects.set(site.projects);
    this.skills.set(site.skills);
  }

  private takeProfile(profile: Profile): void {
    this.profile.set(profile);
    document.body.dataset['palette'] = profile.palette;
  }

  private takeProject(project: Project): void {
    this.projects.update((all) => all.map((other) => (other.id === project.id ? project : other)));
  }
}

/** Makes a photograph small enough for the web before it is sent; this also leaves its place and camera data behind. */
async function smaller(file: File, side: number): Promise<Blob> {
  if (!/^image\/(jpeg|png|webp|avif)$/.test(file.type)) return file;
  try {
    const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' });
    const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
    const canvas = document.createElement('canvas');
    canvas.width = Math.max(1, Math.round(bitmap.width * scale));
    canvas.height = Math.max(1, Math.round(bitmap.height * scale));
    canvas.getContext('2d')!.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, 'image/webp', 0.84));
    return blob?.type === 'image/webp' ? blob : file;
  } catch {
    return file;
  }
}
