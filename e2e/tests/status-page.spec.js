// The status page of a site, which its owner shows to everyone or to nobody.
import { container, docker } from '../support/docker.js';
import { expect, expectAccessible, siteId, test } from '../support/test.js';

const NARROW_AND_WIDE = [{ colorScheme: 'light', width: 1440 }, { colorScheme: 'dark', width: 360 }];

test('is there for strangers while its owner says so', async ({ visit, guard }) => {
  guard.allow(/status of 404/);
  const [owner, stranger] = [await visit('owner'), await visit(null)];
  const path = `/status/${siteId()}`;
  expect((await stranger.goto(path)).status()).toBe(404);

  await owner.goto(`/sites/${siteId()}`);
  const card = owner.locator('#status-page');
  await expect(card).toContainText('Off');
  await card.getByRole('button', { name: 'Turn on' }).click();
  await expect(card).toContainText('On');
  await expect(owner.getByText('Everyone can read the status page now')).toBeVisible();
  await expect(card.getByRole('link', { name: 'Look at it' })).toHaveAttribute('href', path);

  expect((await stranger.goto(path)).status()).toBe(200);
  await expect(stranger.getByRole('heading', { level: 1 })).toBeVisible();
  await expect(stranger.locator('main')).toContainText('Everything works');
  await expect(stranger.locator('body'), 'no ways into the house').not.toContainText('Anna Berg Studio owner');
  await expectAccessible(stranger, 'public status page', NARROW_AND_WIDE);

  const alert = await container(siteId(), 'alert');
  await docker('kill', alert);
  await expect(owner.locator('.hero .badge-status')).toHaveText('Stopped', { timeout: 5000 });
  await stranger.reload();
  await expect(stranger.locator('main')).not.toContainText('Everything works');
  await expect(stranger.locator('body'), 'not which part, nor how').not.toContainText(/alert|137|exit|docker/i);
  await expectAccessible(stranger, 'public status page of a site that is down', NARROW_AND_WIDE);
  await docker('start', alert);
  await expect(owner.locator('.hero .badge-status')).toHaveText('Running', { timeout: 5000 });

  await owner.goto(`/sites/${siteId()}`);
  await card.getByRole('button', { name: 'Turn off' }).click();
  await expect(card).toContainText('Off');
  expect((await stranger.goto(`${path}?again`)).status()).toBe(404);
});
