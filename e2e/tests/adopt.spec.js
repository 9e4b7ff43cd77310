// A container that was here before Innkeeper: found, adopted, watched, restarted by its people, let go, and left as it was.
import { docker } from '../support/docker.js';
import { expect, expectAccessible, test } from '../support/test.js';

const NAME = `customer-${Date.now()}-wordpress`;
const NARROW_AND_WIDE = [{ colorScheme: 'light', width: 1440 }, { colorScheme: 'dark', width: 360 }];
const state = (page) => page.locator('.hero .badge-status');
const fingerprint = () => docker('inspect', '--format', '{{.Id}} {{.Name}} {{json .Config}} {{json .HostConfig}} {{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}', NAME);
const startedAt = () => docker('inspect', '--format', '{{.State.StartedAt}}', NAME);

test.beforeAll(() => docker('run', '--detach', '--init', '--pull', 'never', '--network', 'none', '--name', NAME, '--label', 'innkeeper.test=e2e', 'debian:bookworm-slim', 'sh', '-c', 'echo here since ever; exec sleep 3600'));
test.afterAll(() => docker('rm', '--force', NAME));

test('is adopted, watched, restarted and let go', async ({ visit, guard }) => {
  // Its own page, and the API's, are gone when it is let go.
  guard.allow(/status of 404/);
  const before = await fingerprint();
  const admin = await visit('admin');
  await admin.goto('/admin/sites/adopt');
  const row = admin.getByRole('row', { name: new RegExp(NAME) });
  await expect(row).toBeVisible();
  await expectAccessible(admin, 'containers that can be adopted', NARROW_AND_WIDE);
  await row.getByRole('link', { name: `Choose ${NAME}` }).click();
  await expect(admin.getByRole('textbox', { name: 'Container' })).toHaveValue(NAME);
  await admin.getByRole('button', { name: 'Adopt' }).click();
  await expect(admin.locator('[aria-invalid="true"], :invalid').first(), 'whose it is must be said').toBeVisible();
  const berg = await admin.getByRole('combobox', { name: 'Customer' }).locator('option', { hasText: /^Berg Studio/ }).getAttribute('value');
  await admin.getByRole('combobox', { name: 'Customer' }).selectOption(berg);
  await admin.getByRole('textbox', { name: 'Name' }).fill('The old shop');
  await admin.getByRole('button', { name: 'Adopt' }).click();
  await admin.waitForURL(/\/sites\/app_/);
  const site = new URL(admin.url()).pathname;
  await expect(state(admin)).toHaveText('Running');
  await expect(admin.locator('#site-logs')).toContainText('here since ever');
  await expectAccessible(admin, 'page of an adopted container', NARROW_AND_WIDE);

  const owner = await visit('owner');
  await owner.goto('/sites');
  await owner.getByRole('link', { name: 'The old shop' }).first().click();
  await expect(owner.locator('#health')).toContainText('wordpress');
  await expect(owner.getByRole('button', { name: 'Let go' }), 'letting go is for staff').toHaveCount(0);
  await docker('stop', '--time', '1', NAME);
  await expect(state(owner), 'without a reload').toHaveText('Stopped', { timeout: 5000 });
  await docker('start', NAME);
  await expect(state(owner)).toHaveText('Running', { timeout: 5000 });
  const first = await startedAt();
  await owner.getByRole('button', { name: 'Restart site' }).click();
  await owner.getByRole('dialog', { name: /^Restart / }).getByRole('button', { name: 'Restart' }).click();
  await expect(owner.getByRole('button', { name: /^Restart site in \d:\d\d$/ })).toBeDisabled({ timeout: 30_000 });
  await expect(state(owner)).toHaveText('Running');
  expect(await startedAt(), 'it was restarted').not.toBe(first);

  await admin.goto(site);
  await admin.getByRole('button', { name: 'Let go' }).click();
  await admin.getByRole('dialog').getByRole('button', { name: 'Let go' }).click();
  await admin.waitForURL('**/admin/sites');
  await expect(admin.getByText('The container is as it was')).toBeVisible();
  expect((await admin.goto(site)).status()).toBe(404);
  expect(await fingerprint(), 'and so it is').toBe(before);
});
