// Every page of every role: accessible in light and dark, wide and narrow, small enough, quiet.
import { gzipSync } from 'node:zlib';
import { expect, expectAccessible, siteId, test, url } from '../support/test.js';

const KB = 1024;
const everyone = ['/account', '/account/sessions', '/account/tokens', '/account/tokens/new'];
const pages = {
  none: ['/sign-in', '/forgot-password', '/api/docs', '/nothing-here', '/sign-in/link/spent'],
  owner: ['/sites', '/sites?q=nothing-fits', '/sites/new', '/sites/{site}', '/sites/{site}/logs', '/status/{site}', '/account/members', '/account/activity', '/members/invite', '/admin/customers', ...everyone],
  concierge: ['/admin/customers', '/admin/customers/{customer}', '/admin/customers/{customer}/timeline', '/admin/customers/{customer}/people', '/admin/sites', '/sites/{site}', '/account', '/admin/settings'],
  admin: [
    '/admin/customers', '/admin/customers?q=nothing-fits', '/admin/customers/{customer}', '/admin/customers/{customer}/timeline', '/admin/customers/{customer}/people', '/admin/customers/{customer}/settings', '/admin/customers/new', '/admin/staff', '/admin/sites', '/admin/sites/adopt',
    '/admin/jobs', '/admin/jobs?state=dead', '/admin/mail', '/admin/audit', '/admin/doctor', '/admin/doctor?run=now', '/sites/{site}/doctor?run=now',
    '/admin/settings', '/sites/{site}', '/sites/new', '/members/invite', ...everyone,
  ],
};
/** What customers do and how they are, for the operator. */
const insight = [
  '/admin/health', '/admin/health/models', '/admin/health/models/account', '/admin/health/backtest', '/admin/segments', '/admin/segments/new', '/admin/tasks', '/admin/plays',
  '/admin/plays/new', '/admin/events', '/admin/ingestion', '/admin/ingestion/import', '/admin/costs', '/admin/costs/prices', '/admin/costs/prices/new?model=our-own',
  '/admin/funnel', '/admin/funnel?kind=cohort', '/admin/funnels', '/admin/cohorts?weeks=12',
  '/admin/funnels?step1=visit&step2=request&step3=email_given&by=referrer', '/admin/funnels/people?step1=visit&step2=request&step=2',
];
/** What wakes the operator. */
const waking = [
  '/admin/alerts', '/admin/alerts/history', '/admin/alerts/rules', '/admin/alerts/rules/new', '/admin/alerts/rules/rule_000000000000000002', '/admin/alerts/silences', '/admin/alerts/channels',
  '/admin/alerts/channels/new', '/admin/alerts/channels/chan_000000000000000001', '/admin/alerts/deliveries',
];
/** Pages that hold a whole reference, to be searched with the browser. */
const long = ['/api/docs'];

for (const [role, paths, of] of [...Object.entries(pages), ['admin', insight, ' about customers'], ['admin', waking, ' about alerts']]) {
  test(`pages${of ?? ''} of ${role === 'none' ? 'nobody' : `the ${role}`} are accessible and small`, async ({ visit, guard }) => {
    test.setTimeout(180_000);
    guard.allow(/status of (403|404)/);
    const page = await visit(role === 'none' ? null : role);
    let customer = '';
    if (role === 'admin' || role === 'concierge') {
      await page.goto('/admin/customers?q=berg+studio');
      customer = (await page.getByRole('link', { name: /Berg Studio/ }).getAttribute('href')).split('/').pop();
    }
    for (const pattern of paths) {
      const path = pattern.replace('{site}', siteId()).replace('{customer}', customer);
      const answer = await page.goto(path);
      const html = await answer.body();
      if (!long.includes(path)) expect.soft(html.length, `${path}: HTML`).toBeLessThanOrEqual(60 * KB);
      expect.soft(gzipSync(html).length, `${path}: HTML on the wire`).toBeLessThanOrEqual(60 * KB);
      await expect(page.locator('h1')).toHaveCount(1);
      await expect(page).toHaveTitle(/ · Innkeeper$/);
      const looks = long.includes(path) ? [{ colorScheme: 'light', width: 1440 }, { colorScheme: 'dark', width: 360 }] : undefined;
      await expectAccessible(page, `${role} ${pattern}`, looks);
    }
  });
}

test('what lies over a page is accessible too', async ({ visit }) => {
  const page = await visit('owner');
  const wide = [{ colorScheme: 'light', width: 1440 }, { colorScheme: 'dark', width: 360 }];
  await page.goto('/sites');
  await page.getByLabel('Account menu').click();
  await expectAccessible(page, 'account menu', wide);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+k');
  await expect(page.getByRole('option').first()).toBeVisible();
  await expectAccessible(page, 'palette', wide);
  await page.keyboard.type('zzzz');
  await expect(page.getByText('Nothing found')).toBeVisible();
  await expectAccessible(page, 'palette, nothing found', wide);
  await page.keyboard.press('Escape');
  await page.getByLabel('Help: Sites').click();
  await expectAccessible(page, 'help', wide);

  const admin = await visit('admin');
  await admin.goto('/admin/staff');
  await admin.getByRole('button', { name: 'Role' }).first().click();
  await expectAccessible(admin, 'role dialog', wide);
});

test('the base script is small, and pages come from here alone', async ({ visit }) => {
  const page = await visit('owner');
  const scripts = [];
  page.on('response', async (response) => {
    if (response.request().resourceType() === 'script') scripts.push(response.body().then((body) => gzipSync(body).length));
  });
  const answer = await page.goto('/sites');
  await expect(page.locator('[data-live-dot]')).toHaveAttribute('data-state', 'connected');
  const total = (await Promise.all(scripts)).reduce((sum, size) => sum + size, 0);
  expect(total, 'all scripts of a page, gzip').toBeLessThanOrEqual(60 * KB);
  const policy = answer.headers()['content-security-policy'];
  expect(policy).not.toContain('unsafe');
  expect(policy).toContain("default-src 'none'");
  for (const path of ['/assets/nothing.js', '/healthz']) expect([200, 404]).toContain((await fetch(url() + path)).status);
});
