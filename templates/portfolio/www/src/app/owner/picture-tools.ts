import { Component, inject, input, signal } from '@angular/core';
import { Picture, Project } from '../model';
import { Session } from '../session';
import { Site } from '../site';

/** The owner's view of a project's pictures: add, describe, reorder, remove. The first one is the cover. */
@Component({
  selector: 'picture-tools',
  template: `
    <ul class="gallery editing">
      @for (picture of project().images; track picture.id) {
        <li>
          <img [src]="picture.url" alt="" [width]="picture.width" [height]="picture.height">
          <div class="picture-tools">
            <label>{{ $first ? 'Cover. ' : '' }}What does it show?
              <input [value]="picture.alt" maxlength="200" (change)="describe(picture, $event)"></label>
            <div class="tools">
              <button type="button" class="tool" [disabled]="$first" [attr.aria-label]="'Move picture ' + ($index + 1) + ' forward'" (click)="move($index, -1)">←</button>
              <button type="button" class="tool" [disabled]="$last" [attr.aria-label]="'Move picture ' + ($index + 1) + ' back'" (click)="move($index, 1)">→</button>
              <button type="button" class="tool danger" [attr.aria-label]="'Remove picture ' + ($index + 1)" (click)="remove(picture)">Remove</button>
            </div>
          </div>
        </li>
      }
      <li class="add"><label class="drop" [class.busy]="busy()">{{ busy() ? 'Uploading…' : 'Add pictures' }}
        <small>JPEG, PNG, WebP or AVIF. Large photos are made smaller for you.</small>
        <input type="file" multiple accept="image/jpeg,image/png,image/webp,image/avif" (change)="add($event)"></label></li>
    </ul>
  `,
})
export class PictureTools {
  readonly project = input.required<Project>();
  private readonly site = inject(Site);
  private readonly session = inject(Session);
  protected readonly busy = signal(false);

  protected async add(event: Event): Promise<void> {
    const field = event.target as HTMLInputElement;
    this.busy.set(true);
    for (const file of Array.from(field.files ?? []).slice(0, 24)) {
      if (!await this.session.attempt(() => this.site.addPicture(this.project().id, file), 'Picture added')) break;
    }
    field.value = '';
    this.busy.set(false);
  }

  protected describe(picture: Picture, event: Event): void {
    const alt = (event.target as HTMLInputElement).value;
    void this.session.attempt(() => this.site.savePicture(this.project().id, picture, alt));
  }

  protected move(place: number, step: number): void {
    const ids = this.project().images.map((picture) => picture.id);
    ids.splice(place + step, 0, ids.splice(place, 1)[0]);
    void this.session.attempt(() => this.site.orderPictures(this.project().id, ids), 'New order saved');
  }

  protected remove(picture: Picture): void {
    void this.session.attempt(() => this.site.deletePicture(this.project().id, picture), 'Picture removed');
  }
}
