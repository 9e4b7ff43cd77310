// The shapes of the api's answers.
export interface Link { label: string; url: string }

export interface Profile {
  name: string; role: string; headline: string; intro: string; about: string; availability: string;
  location: string; languages: string; clients: string; email: string;
  links: Link[]; portraitUrl: string; palette: string; ownResume: boolean;
}

export interface Picture { id: number; url: string; alt: string; width: number; height: number }

export interface Project {
  id: number; slug: string; title: string; summary: string; body: string; client: string; role: string;
  year: number | null; url: string; tags: string[]; published: boolean; images: Picture[];
}

export interface Skill { id: number; category: string; name: string; years: number | null }

export interface SiteData { profile: Profile; projects: Project[]; skills: Skill[] }

export interface SiteConfig { name: string; domain: string; apiUrl: string; alertUrl: string }

export interface Message { id: number; name: string; email: string; message: string; read: boolean; sent_at: string }
