// Checks a running portfolio site from the outside, as a visitor, an owner and an attacker.
//
//   BASE_URL=https://mysite.test OWNER_EMAIL=… OWNER_PASSWORD=… node --test templates/portfolio/tests/
//
// BASE_URL      address of the site as a browser sees it
// CONNECT_TO    host:port to connect to instead of what DNS says (optional)
// RELEASE_ID    when set, the X-Innkeeper-Release header every answer must carry
// CHROMIUM      path of the browser, default /usr/bin/chromium; without it or without playwright-core the browser part is skipped
// PLAYWRIGHT    where to import playwright-core from, when it is not beside this file
//
// The site is changed while the tests run and put back afterwards. One contact message per run is left out of the
// rate limit's five per hour and address.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { existsSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { after, before, describe, it } from 'node:test';
import { inflateSync } from 'node:zlib';

const base = (process.env.BASE_URL || '').replace(/\/$/, '');
const credentials = { email: process.env.OWNER_EMAIL, password: process.env.OWNER_PASSWORD };
const origin = base && new URL(base).origin;
const chromium = process.env.CHROMIUM || '/usr/bin/chromium';
const evil = `<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'"{{7*7}}<!--# include virtual="/config.json" -->`;

/** One request, nothing normalised on the way: paths go out as they are written. */
function send(method, path, { body, headers = {}, cookie } = {}) {
  const url = new URL(base);
  const [host, port] = (process.env.CONNECT_TO || `${url.hostname}:${url.port || (url.protocol === 'https:' ? 443 : 80)}`).split(':');
  const json = body !== undefined && !Buffer.isBuffer(body) && typeof body !== 'string';
  const payload = json ? JSON.stringify(body) : body;
  return new Promise((done, fail) => {
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)({
      host, port, path, method, servername: url.hostname, rejectUnauthorized: false, timeout: 15_000,
      headers: {
        host: url.host, ...(json && { 'content-type': 'application/json' }), ...(cookie && { cookie }),
        ...(payload !== undefined && { 'content-length': Buffer.byteLength(payload) }), ...headers,
      },
    }, (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk)).on('end', () => {
        const bytes = Buffer.concat(chunks);
        done({ status: answer.statusCode, headers: answer.headers, bytes, text: bytes.toString(), get json() { return JSON.parse(bytes.toString()); } });
      });
    });
    request.on('timeout', () => request.destroy(new Error(`${method} ${path} took too long`))).on('error', fail);
    request.end(payload);
  });
}

const owner = { cookie: '' };
const asOwner = (method, path, body, headers = {}) =>
  send(method, `/api${path}`, { body, cookie: owner.cookie, headers: { origin, ...(body === undefined && method !== 'GET' && { 'content-type': 'application/json' }), ...headers } });
const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');

describe('portfolio', { skip: !base && 'BASE_URL is not set', concurrency: false }, () => {
  let original;
  const illustrated = () => original.projects.find((project) => project.published && project.images.length > 1);

  before(async () => {
    const answer = await send('POST', '/api/session', { body: credentials, headers: { origin } });
    assert.equal(answer.status, 200, `sign-in: ${answer.text}`);
    const cookie = answer.headers['set-cookie'][0];
    assert.match(cookie, /^__Host-owner=.+; Path=\/; Secure; HttpOnly; SameSite=Strict/);
    owner.cookie = cookie.split(';')[0];
    original = (await asOwner('GET', '/site')).json;
  });

  after(async () => {
    if (!original) return;
    const { portraitUrl, ownResume, ...profile } = original.profile;
    await asOwner('PATCH', '/profile', profile);
    const known = new Set(original.projects.map((project) => project.id));
    for (const project of (await asOwner('GET', '/projects')).json) if (!known.has(project.id)) await asOwner('DELETE', `/projects/${project.id}`);
  });

  describe('what a visitor gets', () => {
    it('sends the content with the first answer', async () => {
      const page = await send('GET', '/');
      assert.equal(page.status, 200);
      assert.match(page.text, /<h1[^>]*>[^<]+<\/h1>/);
      assert.match(page.text, /<title>[^<]+<\/title>/);
      assert.match(page.text, /id="contact"/);
      assert.doesNotMatch(page.text, /<!--#/, 'no include is left over');
    });
    it('has its tables filled: profile, projects, skills', async () => {
      assert.ok((await send('GET', '/api/profile')).json.name);
      const projects = (await send('GET', '/api/projects')).json;
      assert.ok(projects.some((project) => project.images.length > 0));
      assert.ok((await send('GET', '/api/skills')).json.length > 0);
      const page = await send('GET', `/work/${projects[0].slug}`);
      assert.ok(page.text.includes('<article class="project">'));
    });
    it('answers every part with its release and safe headers', async () => {
      for (const path of ['/', '/api/health', '/config.json', '/nowhere', '/api/nowhere']) {
        const { headers } = await send('GET', path);
        assert.equal(headers['x-content-type-options'], 'nosniff', path);
        assert.ok(headers['content-security-policy'], path);
        if (process.env.RELEASE_ID) assert.equal(headers['x-innkeeper-release'], process.env.RELEASE_ID, path);
      }
      const policy = (await send('GET', '/')).headers['content-security-policy'];
      assert.doesNotMatch(policy, /unsafe/);
    });
    it('reports the database in its health', async () => {
      const health = await send('GET', '/api/health');
      assert.deepEqual([health.status, health.json.status, health.json.database], [200, 'ok', 'ok']);
    });
    it('is found by search engines', async () => {
      assert.match((await send('GET', '/robots.txt')).text, /Sitemap: /);
      const sitemap = (await send('GET', '/sitemap.xml')).text;
      assert.ok(sitemap.includes('/work/'), sitemap);
    });
    it('makes a résumé PDF from the content', async () => {
      const pdf = await send('GET', '/api/resume.pdf');
      assert.equal(pdf.headers['content-type'], 'application/pdf');
      assert.ok(pdf.bytes.subarray(0, 8).toString().startsWith('%PDF-1.7') && pdf.bytes.subarray(-6).toString().includes('%%EOF'));
      const at = pdf.bytes.indexOf('stream\n', pdf.bytes.indexOf('/FlateDecode')) + 7;
      const words = inflateSync(pdf.bytes.subarray(at, pdf.bytes.indexOf('\nendstream', at))).toString('latin1');
      assert.ok(words.includes(Buffer.from(original.profile.role.split(' ')[0]).toString('latin1')));
    });
    it('hides what is not there', async () => {
      assert.equal((await send('GET', '/nowhere')).status, 404);
      assert.equal((await send('GET', '/api/nowhere')).headers['content-type'], 'application/problem+json; charset=utf-8');
    });
  });

  describe('the contact form', () => {
    it('explains each wrong field', async () => {
      const answer = await send('POST', '/api/contact', { body: { name: ' ', email: 'nobody', message: '' } });
      assert.equal(answer.status, 422);
      assert.deepEqual(Object.keys(answer.json.errors).sort(), ['email', 'message', 'name']);
    });
    it('swallows robots that fill in the hidden field', async () => {
      const answer = await send('POST', '/api/contact', { body: { name: 'Robot', email: 'r@example.com', message: 'buy', website: 'x' } });
      assert.equal(answer.status, 201);
      assert.ok(!(await asOwner('GET', '/messages')).json.messages.some((message) => message.name === 'Robot'));
    });
    it('refuses what is too large or not JSON', async () => {
      assert.equal((await send('POST', '/api/contact', { body: { name: 'a', email: 'a@example.com', message: 'x'.repeat(80_000) } })).status, 413);
      assert.equal((await send('POST', '/api/contact', { body: '{', headers: { 'content-type': 'application/json' } })).status, 400);
      assert.equal((await send('POST', '/api/contact', { body: '<x/>', headers: { 'content-type': 'text/xml' } })).status, 415);
    });
  });

  describe('the owner', () => {
    it('is refused with a wrong password, in the same words as with a wrong address', async () => {
      const one = await send('POST', '/api/session', { body: { ...credentials, password: 'wrong' }, headers: { origin } });
      const two = await send('POST', '/api/session', { body: { email: 'other@example.com', password: 'wrong' }, headers: { origin } });
      assert.deepEqual([one.status, two.status], [401, 401]);
      assert.equal(one.text, two.text);
    });
    it('creates, changes, reorders and deletes projects', async () => {
      const created = await asOwner('POST', '/projects', { title: 'Ünïcode & <b>bold</b>', tags: ['Test'] });
      assert.equal(created.status, 201, created.text);
      const { id, slug, published } = created.json;
      assert.equal(published, false);
      assert.equal((await send('GET', `/api/projects/${slug}`)).status, 404, 'a draft is not public');
      assert.equal((await asOwner('PATCH', `/projects/${id}`, { published: true, year: '2024', url: 'example.com' })).json.url, 'https://example.com');
      assert.equal((await send('GET', `/api/projects/${slug}`)).status, 200);
      const ids = (await asOwner('GET', '/projects')).json.map((project) => project.id);
      await asOwner('PUT', '/projects/order', { ids: [...ids.slice(1), ids[0]] });
      assert.deepEqual((await asOwner('GET', '/projects')).json.map((project) => project.id), [...ids.slice(1), ids[0]]);
      await asOwner('PUT', '/projects/order', { ids });
      assert.equal((await asOwner('DELETE', `/projects/${id}`)).status, 204);
    });
    it('creates, changes, reorders and deletes skills', async () => {
      const skills = (await asOwner('POST', '/skills', { category: 'Test', name: 'Testing', years: 1 })).json;
      const { id } = skills.at(-1);
      assert.equal((await asOwner('PATCH', `/skills/${id}`, { years: 'many' })).json.errors.years !== undefined, true);
      assert.equal((await asOwner('PATCH', `/skills/${id}`, { years: 2 })).json.at(-1).years, 2);
      const ids = skills.map((skill) => skill.id);
      assert.equal((await asOwner('PUT', '/skills/order', { ids: [id, ...ids.slice(0, -1)] })).json[0].id, id);
      await asOwner('PUT', '/skills/order', { ids });
      assert.ok(!(await asOwner('DELETE', `/skills/${id}`)).json.some((skill) => skill.id === id));
    });
    it('uploads pictures, which are served as pictures only', async () => {
      const { id } = (await asOwner('POST', '/projects', { title: 'Pictures' })).json;
      const project = await asOwner('POST', `/projects/${id}/images?alt=Dot`, png, { 'content-type': 'image/png' });
      assert.equal(project.status, 201, project.text);
      const [picture] = project.json.images;
      assert.deepEqual([picture.alt, picture.width], ['Dot', 1]);
      const file = await send('GET', picture.url);
      assert.deepEqual([file.status, file.headers['content-type'], file.headers['x-content-type-options']], [200, 'image/png', 'nosniff']);
      assert.match(file.headers['content-security-policy'], /sandbox/);
      await asOwner('DELETE', `/projects/${id}`);
      assert.equal((await send('GET', picture.url)).status, 404, 'the file goes with its project');
    });
  });

  describe('an attacker', () => {
    const changes = [
      ['PATCH', '/profile', { name: 'x' }], ['PUT', '/profile/portrait', png], ['PUT', '/resume.pdf', '%PDF-'], ['DELETE', '/resume.pdf'],
      ['POST', '/projects', { title: 'x' }], ['PUT', '/projects/order', { ids: [1] }], ['PATCH', '/projects/1', { title: 'x' }], ['DELETE', '/projects/1'],
      ['POST', '/projects/1/images', png], ['PATCH', '/projects/1/images/1', { alt: 'x' }], ['DELETE', '/projects/1/images/1'], ['PUT', '/projects/1/images/order', { ids: [1] }],
      ['POST', '/skills', { name: 'x' }], ['PATCH', '/skills/1', { name: 'x' }], ['DELETE', '/skills/1'], ['PUT', '/skills/order', { ids: [1] }],
      ['GET', '/messages'], ['PATCH', '/messages/1', { read: true }], ['DELETE', '/messages/1'], ['PUT', '/session/password', { current: 'x', password: 'x' }],
    ];
    const type = (body) => ({ 'content-type': Buffer.isBuffer(body) ? 'image/png' : 'application/json' });

    it('changes nothing without signing in', async () => {
      for (const [method, path, body] of changes) {
        assert.equal((await send(method, `/api${path}`, { body, headers: { origin, ...type(body) } })).status, 401, `${method} ${path}`);
      }
    });
    it('changes nothing from another site with the owner’s cookie', async () => {
      for (const [method, path, body] of changes.filter(([method]) => method !== 'GET')) {
        const foreign = await send(method, `/api${path}`, { body, cookie: owner.cookie, headers: { origin: 'https://evil.example', ...type(body) } });
        assert.equal(foreign.status, 403, `${method} ${path}`);
        const silent = await send(method, `/api${path}`, { body, cookie: owner.cookie, headers: type(body) });
        assert.equal(silent.status, 403, `${method} ${path} without an origin`);
      }
      const form = await send('POST', '/api/projects', { body: 'title=x', cookie: owner.cookie, headers: { origin, 'content-type': 'text/plain' } });
      assert.equal(form.status, 415);
    });
    it('cannot forge a session', async () => {
      const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
      const claims = part({ aud: 'site', sub: '1', role: 'owner', epoch: 1, exp: 9e9 });
      const tokens = [
        `${part({ alg: 'none' })}.${claims}.`,
        `${part({ alg: 'HS256' })}.${claims}.${createHmac('sha256', '').update(`${part({ alg: 'HS256' })}.${claims}`).digest('base64url')}`,
        owner.cookie.split('=')[1].replace(/\.[^.]+\./, `.${claims}.`),
      ];
      for (const token of tokens) {
        assert.equal((await send('GET', '/api/messages', { cookie: `__Host-owner=${token}` })).status, 401);
      }
    });
    it('gets nowhere with SQL', async () => {
      const quote = `'; drop table projects; --`;
      for (const path of [`/projects/${encodeURIComponent(quote)}`, `/projects/${encodeURIComponent("' or '1'='1")}`]) {
        assert.equal((await send('GET', `/api${path}`)).status, 404, path);
      }
      assert.equal((await asOwner('PATCH', '/profile', { location: quote })).json.location, quote);
      assert.equal((await asOwner('GET', `/messages?before=${encodeURIComponent(quote)}`)).status, 200);
      assert.equal((await asOwner('PUT', '/projects/order', { ids: [quote, '1'] })).status, 422);
      assert.equal((await asOwner('PATCH', '/profile', { 'name = name --': 'x', id: 7, seeded_from: 'x' })).status, 200);
      assert.ok((await send('GET', '/api/projects')).json.length > 0);
    });
    it('gets nowhere with scripts in any text', async () => {
      const fields = ['name', 'role', 'headline', 'intro', 'about', 'availability', 'location', 'languages', 'clients'];
      const texts = Object.fromEntries(fields.map((field) => [field, evil.slice(0, field === 'name' || field === 'availability' || field === 'location' ? 80 : 118)]));
      assert.equal((await asOwner('PATCH', '/profile', texts)).status, 200);
      const links = await asOwner('PATCH', '/profile', { links: [{ label: 'x', url: 'javascript:alert(1)' }] });
      assert.equal(links.status, 422);
      const project = (await asOwner('POST', '/projects', { title: evil.slice(0, 100), summary: evil, body: evil, client: evil.slice(0, 99), published: true, tags: ['<script>x</script>'] })).json;
      assert.equal((await asOwner('PATCH', `/projects/${project.id}`, { url: 'javascript:alert(1)' })).status, 422);
      assert.equal((await asOwner('PATCH', `/projects/${project.id}`, { url: 'data:text/html,x' })).status, 422);
      await new Promise((done) => setTimeout(done, 1200)); // pages are kept for a second
      for (const path of ['/', `/work/${project.slug}`]) {
        const { text } = await send('GET', path);
        assert.ok(text.includes('&lt;img src=x'), `${path} shows the text`);
        assert.doesNotMatch(text, /<img src=x|<script>window|<script>x|<!--#/, path);
        assert.equal(text.split('"apiUrl"').length, 2, 'no include was carried out');
      }
    });
    it('cannot upload anything that runs', async () => {
      const { id } = (await asOwner('POST', '/projects', { title: 'Uploads' })).json;
      const php = Buffer.from('<?php system($_GET["c"]); ?>');
      const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>');
      for (const [body, kind] of [[php, 'application/x-httpd-php'], [php, 'image/png'], [svg, 'image/svg+xml'], [svg, 'image/png'], [Buffer.from('<html><script>1</script>'), 'image/jpeg']]) {
        const answer = await asOwner('POST', `/projects/${id}/images`, body, { 'content-type': kind });
        assert.equal(answer.status, 415, `${kind}: ${answer.text}`);
      }
      // A real picture with PHP behind it is stored as a picture and served as one.
      const both = await asOwner('POST', `/projects/${id}/images`, Buffer.concat([png, php]), { 'content-type': 'image/png' });
      const file = await send('GET', both.json.images[0].url);
      assert.equal(file.headers['content-type'], 'image/png');
      assert.ok(file.bytes.includes('<?php'), 'it was not executed');
      const huge = await asOwner('POST', `/projects/${id}/images`, Buffer.concat([png, Buffer.alloc(11 * 1024 * 1024)]), { 'content-type': 'image/png' });
      assert.equal(huge.status, 413);
    });
    it('cannot read other files', async () => {
      for (const path of ['/api/files/../../.env', '/api/files/..%2f..%2fsrc%2froutes.php', '/api/files/%2e%2e/index.php', '/api/..%2fsrc/routes.php', '/api/src/routes.php',
        '/api/migrations/0001_base.sql', '/../etc/passwd', '/samples/../../etc/passwd', '/samples/..%2f..%2f..%2fetc/passwd', '/.git/config', '/api/storage/', '/api/.env']) {
        const answer = await send('GET', path);
        assert.ok(answer.status >= 400, `${path} answered ${answer.status}`);
        assert.doesNotMatch(answer.text, /root:|<\?php|create table/, path);
      }
    });
    it('does not reach what is internal', async () => {
      for (const path of ['/internal/notify', '/socket.io/../internal/notify', '/socket.io/%2e%2e/internal/notify', '/api/internal/notify']) {
        const answer = await send('POST', path, { body: { event: 'message', data: {} } });
        assert.ok([400, 404, 405].includes(answer.status), `${path} answered ${answer.status}`);
      }
    });
    it('learns nothing from errors', async () => {
      for (const [method, path, body] of [['POST', '/contact', { name: ['x'], email: {}, message: 7 }], ['GET', '/projects/%00'], ['GET', '/files/' + 'a'.repeat(3000)], ['PATCH', '/profile', 'x']]) {
        const answer = await send(method, `/api${path}`, { body, headers: { origin } });
        assert.ok(answer.status >= 400 && answer.status < 500, `${path} answered ${answer.status}`);
        assert.doesNotMatch(answer.text, /PDO|SQLSTATE|\.php|Stack/i);
      }
    });
  });

  describe('in a browser', () => {
    let browser;
    let page;
    const broken = [];

    before(async (context) => {
      const playwright = await import(process.env.PLAYWRIGHT || 'playwright-core').catch(() => null);
      if (!playwright || !existsSync(chromium)) return;
      const { hostname } = new URL(base);
      const rules = process.env.CONNECT_TO ? [`--host-resolver-rules=MAP ${hostname} ${process.env.CONNECT_TO.split(':')[0]}`] : [];
      browser = await (playwright.chromium ?? playwright.default.chromium).launch({ executablePath: chromium, args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', ...rules] });
      page = await (await browser.newContext({ ignoreHTTPSErrors: true, reducedMotion: 'reduce' })).newPage();
      page.on('pageerror', (error) => broken.push(error.message));
      page.on('console', (message) => message.type() === 'error' && !/status of (4\d\d)/.test(message.text()) && broken.push(message.text()));
    });
    after(async () => browser?.close());
    const browse = (name, story) => it(name, async (context) => (browser ? story() : context.skip('no browser')));

    browse('shows the hostile texts as text and runs none of them', async () => {
      await page.goto(`${base}/`);
      await page.waitForSelector('contact-form form');
      assert.ok((await page.textContent('h1')).includes('<img src=x'));
      assert.equal(await page.evaluate(() => window.hacked), undefined);
      const { portraitUrl, ownResume, ...profile } = original.profile;
      await asOwner('PATCH', '/profile', profile);
    });
    browse('filters the work by kind', async () => {
      await page.goto(`${base}/`);
      await page.waitForSelector('contact-form form');
      const all = await page.locator('.card').count();
      await page.locator('.chip', { hasText: original.projects.at(-1).tags[0] }).first().click();
      await page.waitForFunction((count) => document.querySelectorAll('.card').length < count, all, { timeout: 3000 });
      assert.ok(await page.locator('.card').count() > 0);
    });
    browse('opens pictures large and steps through them', async () => {
      await page.goto(`${base}/work/${illustrated().slug}`);
      await page.waitForSelector('project-page .picture');
      await page.locator('.picture').first().click();
      await page.keyboard.press('ArrowRight');
      await page.locator('.lightbox figcaption', { hasText: '2 / ' }).waitFor({ timeout: 3000 });
      await page.keyboard.press('Escape');
      assert.equal(await page.locator('.lightbox[open]').count(), 0);
    });
    browse('signs in and edits in place', async () => {
      await page.goto(`${base}/owner`);
      await page.fill('#o-email', credentials.email);
      await page.fill('#o-password', credentials.password);
      await page.click('button[type=submit]');
      const headline = page.locator('.hero h1 [contenteditable]');
      await headline.waitFor();
      await headline.fill('A new headline, written here');
      await headline.press('Enter');
      await page.locator('.toast.good').waitFor();
      assert.equal((await send('GET', '/api/profile')).json.headline, 'A new headline, written here');
      await headline.fill('');
      await headline.press('Enter');
      await page.locator('.toast.bad').waitFor();
      assert.equal(await headline.textContent(), 'A new headline, written here', 'an empty headline is refused and taken back');
    });
    browse('tells the owner of a new message at once', async () => {
      await page.waitForSelector('html[data-live=on]');
      const visitor = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
      await visitor.goto(`${base}/#contact`);
      await visitor.waitForSelector('contact-form form');
      await visitor.click('contact-form button[type=submit]');
      await visitor.locator('.contact-form .error').nth(2).waitFor({ timeout: 3000 });
      await visitor.fill('#c-name', 'Vera <b>Visitor</b>');
      await visitor.fill('#c-email', 'vera@example.com');
      await visitor.fill('#c-message', `Hello!\n${evil}`);
      await visitor.click('contact-form button[type=submit]');
      await visitor.waitForSelector('.sent');
      await page.locator('.toast.news').waitFor({ timeout: 5000 });
      assert.match(await page.textContent('.toast.news'), /Vera <b>Visitor<\/b>/);
      await page.locator('.toast.news a').click();
      const message = page.locator('.message', { hasText: 'Vera <b>Visitor</b>' }).first();
      await message.waitFor();
      assert.equal(await page.evaluate(() => window.hacked), undefined);
      await message.locator('.danger').click();
      await message.waitFor({ state: 'detached' });
    });
    browse('raised no error in the console', () => assert.deepEqual(broken, []));
  });
});
