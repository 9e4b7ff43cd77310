import { Routes } from '@angular/router';
import { Home } from './pages/home';
import { NotFound } from './pages/not-found';
import { ProjectPage } from './pages/project';

export const routes: Routes = [
  { path: '', pathMatch: 'full', component: Home },
  { path: 'work/:slug', component: ProjectPage },
  { path: 'owner', loadComponent: () => import('./owner/sign-in').then((part) => part.SignIn) },
  { path: 'owner/messages', loadComponent: () => import('./owner/messages').then((part) => part.Messages) },
  { path: '**', component: NotFound },
];
