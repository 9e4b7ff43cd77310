// A commit becomes what visitors get, watched by its owner, and is taken back.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, expectAccessible, siteId, test } from '../support/test.js';

test.describe.configure({ mode: 'serial' });

const LOOKS = [{ colorScheme: 'light', width: 1440 }, { colorScheme: 'dark', width: 360 }];
const subject = `A <b>new</b> word ${Date.now().toString(36)}`;
const state = (page) => page.locator('.hero .badge-status');
const log = (page) => page.locator('#deployment-log-lines');
let deployment = '';

/** Puts a commit on the site's branch, as somebody with access to the repository does. */
async function commit(message) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'innkeeper-e2e-git-'));
  const git = (...args) => promisify(execFile)('git', ['-c', 'user.name=Anna', '-c', 'user.email=anna@berg-studio.example', ...args], { cwd: folder });
  await git('clone', '--quiet', path.join(process.env.INNKEEPER_DATA, 'git', `${siteId()}.git`), '.');
  await writeFile(path.join(folder, 'NEWS.md'), message);
  await git('add', '--all');
  await git('commit', '--quiet', '--message', message);
  await git('push', '--quiet', 'origin', 'HEAD:main');
  await rm(folder, { recursive: true, force: true });
}

test('the newest commit is deployed and watched until visitors get it', async ({ visit }) => {
  test.setTimeout(120_000);
  await commit(subject);
  const page = await visit('owner');
  await page.goto(`/sites/${siteId()}`);
  await page.getByRole('navigation', { name: 'Pages of this site' }).getByRole('link', { name: 'Deployments' }).click();
  await expect(page.locator('.newest-commit')).toContainText(subject);
  await expectAccessible(page, 'deployments', LOOKS);
  const other = await visit('owner');
  await other.goto(`/sites/${siteId()}/deployments`);
  await page.getByRole('button', { name: 'Deploy the newest commit' }).click();
  await page.waitForURL(/\/deployments\/deploy-/);
  deployment = new URL(page.url()).pathname;
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(subject);
  await expect(log(page), 'lines come without a reload').toContainText('unchanged, not built again', { timeout: 60_000 });
  await expect(state(page), 'and so does the verdict').toHaveText('Live', { timeout: 90_000 });
  await expect(log(page)).toContainText('visitors get the new release');
  await expect(other.getByRole('row', { name: subject }), 'the list followed by itself').toContainText('Live', { timeout: 15_000 });
  await expect(page.getByText(/^7 of 7 done$/), 'tidied up').toBeVisible({ timeout: 60_000 });
  await page.getByLabel('Search the log').fill('unchanged');
  await expect(log(page).locator('.log-line:visible').first()).toContainText('unchanged');
  await expect(log(page).getByText('visitors get the new release')).toBeHidden();
  await page.getByLabel('Search the log').fill('');
  await page.getByRole('button', { name: 'Wrap lines' }).click();
  await expect(page.locator('#deployment-log')).toHaveAttribute('data-nowrap', '');
  await expectAccessible(page, 'a deployment that is live', LOOKS);
});

test('the release before serves again within seconds', async ({ visit }) => {
  test.setTimeout(120_000);
  const page = await visit('owner');
  await page.goto(`/sites/${siteId()}/deployments`);
  await page.locator('.kept-releases').getByRole('button', { name: 'Roll back' }).first().click();
  const question = page.getByRole('dialog', { name: /^Roll back to / });
  await expect(question).toContainText('It takes seconds');
  await expectAccessible(page, 'asked whether to roll back', LOOKS);
  await question.getByRole('button', { name: 'Roll back' }).click();
  await page.waitForURL(/\/deployments\/deploy-/);
  await expect(state(page)).toHaveText('Live', { timeout: 60_000 });
  await page.goto(deployment);
  await expect(page.getByText('Visitors got this release')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Roll back to this' })).toBeVisible();
});

test('somebody else sees nothing of it', async ({ visit, guard }) => {
  guard.allow(/status of 404/);
  const page = await visit('other');
  expect((await page.goto(deployment)).status()).toBe(404);
});
