// The ways in, on a small server of its own that needs no Docker: set-up, sign-in, reset, invitation, sessions.
import { mkdtemp } from 'node:fs/promises';
import path from 'node:path';
import { freePort, mailSettings, start } from '../support/innkeeper.js';
import { mailTo } from '../support/mail.js';
import { expect, expectAccessible, test } from '../support/test.js';

test.describe.configure({ mode: 'serial' });

const admin = { name: 'Ines Keller', email: 'ines@inn.example', password: 'an inn by the sea' };
const renewed = 'another inn by the sea';
let server;
let base;

test.beforeAll(async () => {
  const port = await freePort();
  base = `http://localhost:${port}`;
  server = await start({
    command: ['serve', '--listen', `127.0.0.1:${port}`],
    data: await mkdtemp(path.join(process.env.E2E_FOLDER, 'small-')),
    settings: {
      ...mailSettings(),
      INNKEEPER_SERVER__PUBLIC_URL: base,
      INNKEEPER_LOG__LEVEL: 'error',
      INNKEEPER_HOSTING__PREPARE_TEMPLATES: 'false',
      DOCKER_HOST: 'unix:///nonexistent/docker.sock',
    },
    ready: /http:\/\/\S+\/setup\/\S+/,
    limit: 30,
  });
});
test.afterAll(() => server?.stop());

const signIn = async (page, email, password) => {
  await page.goto(`${base}/sign-in`);
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
};

test('the set-up link makes the first admin, once', async ({ visit, guard }) => {
  guard.allow(/status of (404|422)/);
  const page = await visit();
  const link = server.found[0];
  await page.goto(`${base}/sign-in`);
  await expect(page.getByText('not set up yet')).toBeVisible();

  await page.goto(link);
  await expectAccessible(page, 'set-up');
  await page.getByLabel('Your name').fill(admin.name);
  await page.getByLabel('E-mail').fill(admin.email);
  await page.getByRole('textbox', { name: 'Password' }).fill('short');
  await page.locator('form').evaluate((form) => (form.noValidate = true));
  await page.locator('form button[type=submit]').click();
  await expect(page.getByRole('alert')).toBeVisible();
  await expectAccessible(page, 'set-up with complaints');
  await page.getByRole('textbox', { name: 'Password' }).fill(admin.password);
  await page.locator('form button[type=submit]').click();
  await expect(page).toHaveURL(`${base}/admin/customers`);
  await expect(page.getByRole('heading', { name: 'Customers', level: 1 })).toBeVisible();
  await expectAccessible(page, 'customers, none yet');

  await page.goto(link);
  await expect(page.getByRole('heading', { name: 'no longer good' })).toBeVisible();
  await expectAccessible(page, 'a spent set-up link');
});

test('signs in with the right password only, and slows down whoever guesses', async ({ visit, guard }) => {
  guard.allow(/status of (422|429)/);
  const page = await visit();
  await signIn(page, admin.email, 'not the password');
  await expect(page.getByRole('alert')).toBeVisible();
  await expect(page.getByLabel('E-mail')).toHaveValue(admin.email);
  await expectAccessible(page, 'sign-in, refused');

  await signIn(page, admin.email, admin.password);
  await expect(page).toHaveURL(`${base}/admin/customers`);
  await page.getByLabel('Account menu').click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page).toHaveURL(`${base}/sign-in`);
  await page.goBack();
  await expect(page, 'the back button shows nothing of the session').toHaveURL(/sign-in/);

  for (let tries = 0; tries < 12; tries += 1) {
    await signIn(page, 'nobody@inn.example', `guess ${tries}`);
    if (await page.getByText(/too many|try again in/i).isVisible()) break;
  }
  await expect(page.getByRole('alert')).toContainText(/too many|try again in/i);
  await expectAccessible(page, 'sign-in, throttled');
});

test('a forgotten password is replaced by mail, and ends the old session', async ({ visit, guard }) => {
  guard.allow(/status of 404/);
  const old = await visit();
  await signIn(old, admin.email, admin.password);
  await expect(old).toHaveURL(`${base}/admin/customers`);

  const page = await visit();
  await page.goto(`${base}/sign-in`);
  await page.getByRole('link', { name: 'Forgot' }).click();
  await expectAccessible(page, 'forgot');
  await page.getByLabel('E-mail').fill(admin.email);
  const asked = Date.now() - 1000;
  await page.getByRole('button', { name: 'Send me a link' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('mail');
  await expectAccessible(page, 'forgot, sent');
  const [link] = (await mailTo(admin.email, asked)).match(/http:\/\/\S+\/reset\/\w+/);
  await page.goto(link);
  await expectAccessible(page, 'reset');
  await page.getByRole('textbox', { name: 'New password' }).fill(renewed);
  await page.getByRole('button', { name: 'Change password' }).click();
  await expect(page).toHaveURL(`${base}/sign-in`);
  await expect(page.getByText('Your password is changed')).toBeVisible();

  await old.reload();
  await expect(old).toHaveURL(/sign-in/);
  await page.goto(link);
  await expect(page.getByText('no longer good')).toBeVisible();
  await expectAccessible(page, 'a spent reset link');
  await signIn(page, admin.email, renewed);
  await expect(page).toHaveURL(`${base}/admin/customers`);
});

test('a customer is made, its owner invited, and accepts', async ({ visit, guard }) => {
  guard.allow(/status of (404|422)/);
  const page = await visit();
  await signIn(page, admin.email, renewed);
  await page.getByRole('link', { name: 'New customer' }).first().click();
  await page.getByLabel('Name').fill('Keller & Söhne <Bäckerei>');
  await page.getByRole('button', { name: 'Create customer' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Keller & Söhne <Bäckerei>');
  await page.getByRole('link', { name: 'Sites and people' }).click();
  await expect(page.getByText('No sites yet')).toBeVisible();

  await page.getByRole('link', { name: 'Invite' }).click();
  await page.getByLabel('E-mail').fill('olga@keller.example');
  await page.getByLabel('Owner').check();
  const sent = Date.now() - 1000;
  await page.getByRole('button', { name: 'Send invitation' }).click();
  await expect(page.getByText('Invitation sent')).toBeVisible();
  await expect(page.getByText('olga@keller.example')).toBeVisible();
  await expectAccessible(page, 'a customer with an invitation');

  const [link] = (await mailTo('olga@keller.example', sent)).match(/http:\/\/\S+\/invitation\/\w+/);
  const guest = await visit();
  await guest.goto(link);
  await expectAccessible(guest, 'invitation');
  await guest.getByLabel('Your name').fill('Olga Keller');
  await guest.getByRole('textbox', { name: 'Choose a password' }).fill('bread before dawn');
  await guest.getByRole('button', { name: 'Accept' }).click();
  await expect(guest).toHaveURL(`${base}/sites`);
  await expect(guest.getByText('Create your first site')).toBeVisible();
  await expectAccessible(guest, 'sites, none yet');
  await expect(page.getByText('Olga Keller', { exact: true }), 'the open page shows the new member').toBeVisible();
  await guest.goto(link);
  await expectAccessible(guest, 'a spent invitation');
});

test('sessions are listed, and one that is revoked has ended', async ({ visit }) => {
  const here = await visit();
  const there = await visit(null, { userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' });
  await signIn(here, admin.email, renewed);
  await signIn(there, admin.email, renewed);
  await expect(there).toHaveURL(`${base}/admin/customers`);
  await here.goto(`${base}/account/sessions`);
  await expectAccessible(here, 'sessions');
  await here.getByRole('row', { name: /Firefox on Linux/ }).getByRole('button', { name: 'Sign out' }).click();
  await expect(here.getByText('Signed out there')).toBeVisible();
  await there.reload();
  await expect(there).toHaveURL(/sign-in/);
  await here.getByRole('button', { name: 'Sign out everywhere' }).click();
  await expect(here).toHaveURL(/sign-in/);
});
