import { Component, inject } from '@angular/core';
import { Skill } from '../model';
import { Session } from '../session';
import { Site } from '../site';

/** Skills as rows of fields; each field saves when it is left. */
@Component({
  selector: 'skills-editor',
  template: `
    <ul class="skill-rows">
      @for (skill of site.skills(); track skill.id) {
        <li>
          <input [value]="skill.category" maxlength="60" aria-label="Group" placeholder="Group" (change)="save(skill, 'category', $event)">
          <input [value]="skill.name" maxlength="80" aria-label="Skill" placeholder="Skill" (change)="save(skill, 'name', $event)">
          <input [value]="skill.years ?? ''" inputmode="numeric" maxlength="2" aria-label="Years" placeholder="Years" (change)="save(skill, 'years', $event)">
          <span class="tools">
            <button type="button" class="tool" [disabled]="$first" [attr.aria-label]="'Move ' + skill.name + ' up'" (click)="move($index, -1)">↑</button>
            <button type="button" class="tool" [disabled]="$last" [attr.aria-label]="'Move ' + skill.name + ' down'" (click)="move($index, 1)">↓</button>
            <button type="button" class="tool danger" [attr.aria-label]="'Remove ' + skill.name" (click)="remove(skill)">×</button>
          </span>
        </li>
      }
    </ul>
    <p><button type="button" class="button quiet" (click)="add()">Add a skill</button></p>
  `,
})
export class SkillsEditor {
  protected readonly site = inject(Site);
  private readonly session = inject(Session);

  protected add(): void {
    void this.session.attempt(() => this.site.addSkill(this.site.skills().at(-1)?.category ?? ''), 'Skill added');
  }

  protected async save(skill: Skill, field: 'category' | 'name' | 'years', event: Event): Promise<void> {
    const input = event.target as HTMLInputElement;
    const saved = await this.session.attempt(() => this.site.saveSkill(skill.id, { [field]: input.value.trim() }));
    if (!saved) input.value = String(skill[field] ?? '');
  }

  protected move(place: number, step: number): void {
    const ids = this.site.skills().map((skill) => skill.id);
    ids.splice(place + step, 0, ids.splice(place, 1)[0]);
    void this.session.attempt(() => this.site.orderSkills(ids), 'New order saved');
  }

  protected remove(skill: Skill): void {
    void this.session.attempt(() => this.site.deleteSkill(skill.id), `${skill.name} removed`);
  }
}
