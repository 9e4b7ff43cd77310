// Live notices for the owner of the site. Browsers reach /socket.io through the edge; the api posts to
// /internal/notify on the site's own network. Notices are signals ("message 12 arrived"), never content.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const env = process.env;
const port = Number(env.ALERT_PORT || 3001);
const audience = env.APP_ID || 'site';
const jwtKey = secret('JWT_SECRET');
const notifyKey = secret('SESSION_SECRET');
const ownOrigins = new Set([env.WWW_URL, env.CORS_ORIGIN].filter(Boolean).map((url) => url.replace(/\/+$/, '')));
const release = /^[\w.-]{1,100}$/.test(env.RELEASE_ID || '') ? env.RELEASE_ID : '';
const bodyLimit = 16 * 1024;

function secret(name) {
  const value = env[name] || '';
  if (value.length < 16) {
    console.error(`${name} is missing or too short`);
    process.exit(1);
  }
  return value;
}

function log(level, message, fields = {}) {
  console.log(JSON.stringify({ time: new Date().toISOString(), level, message, ...fields }));
}

function same(left, right) {
  const a = Buffer.from(left);
  const b = Buffer.from(right);
  return a.length === b.length && timingSafeEqual(a, b);
}

/** The claims of a valid owner token, or null. HS256 only, whatever the header of the token says. */
function ownerFrom(token) {
  const [head, body, signature, ...more] = String(token || '').split('.');
  if (!signature || more.length > 0 || token.length > 4096) return null;
  if (!same(createHmac('sha256', jwtKey).update(`${head}.${body}`).digest('base64url'), signature)) return null;
  try {
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString());
    const valid = claims.exp * 1000 > Date.now() && claims.aud === audience && claims.role === 'owner';
    return valid ? claims : null;
  } catch {
    return null;
  }
}

function cookie(header, name) {
  for (const part of String(header || '').split(';')) {
    const at = part.indexOf('=');
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim();
  }
  return '';
}

/** The page's origin has to be this site: one of its configured addresses, or the host the edge accepted. */
function isOwnOrigin(request) {
  const origin = request.headers.origin;
  return !origin || ownOrigins.has(origin) || origin === `https://${request.headers.host}`;
}

function answer(response, status, value) {
  const body = value === undefined ? '' : JSON.stringify(value);
  const headers = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' };
  if (release) headers['X-Innkeeper-Release'] = release;
  response.writeHead(status, headers).end(body);
}

const server = createServer((request, response) => {
  // The target is compared as it was sent: `/socket.io/../internal/notify` is not `/internal/notify`.
  const target = (request.url || '').split('?')[0];
  if (request.method === 'GET' && target === '/health') {
    return answer(response, 200, { status: 'ok', connections: io.engine.clientsCount, ...(release && { release }) });
  }
  if (request.method === 'POST' && target === '/internal/notify') {
    return notify(request, response);
  }
  answer(response, 404, { title: 'Not found', status: 404 });
});
server.requestTimeout = 10_000;
server.headersTimeout = 10_000;

function notify(request, response) {
  // Whatever came through the edge carries these; the api does not send them.
  if (request.headers['x-forwarded-for'] || request.headers['x-forwarded-host']) {
    return answer(response, 404, { title: 'Not found', status: 404 });
  }
  const chunks = [];
  let size = 0;
  request.on('error', () => response.destroy());
  request.on('data', (chunk) => {
    size += chunk.length;
    if (size > bodyLimit) {
      answer(response, 413, { title: 'Too large', status: 413 });
      request.destroy();
    } else {
      chunks.push(chunk);
    }
  });
  request.on('end', () => {
    if (response.writableEnded) return;
    const body = Buffer.concat(chunks).toString();
    const time = String(request.headers['x-site-time'] || '');
    const fresh = Math.abs(Date.now() / 1000 - Number(time)) < 60;
    const expected = createHmac('sha256', notifyKey).update(`${time}.${body}`).digest('hex');
    if (!fresh || !same(expected, String(request.headers['x-site-signature'] || ''))) {
      return answer(response, 401, { title: 'Signature does not match', status: 401 });
    }
    try {
      const { event, data } = JSON.parse(body);
      if (!/^[a-z][a-z.-]{0,39}$/.test(event)) throw new Error('bad event name');
      io.to('owner').emit(event, data);
      answer(response, 204);
    } catch {
      answer(response, 400, { title: 'Unreadable notice', status: 400 });
    }
  });
}

const io = new Server(server, {
  path: '/socket.io',
  serveClient: false,
  maxHttpBufferSize: 16 * 1024,
  connectTimeout: 10_000,
  cors: { origin: [...ownOrigins], credentials: true },
  allowRequest: (request, done) => {
    const allowed = isOwnOrigin(request) && io.engine.clientsCount < 200;
    done(allowed ? null : 'refused', allowed);
  },
});

if (release) {
  io.engine.on('headers', (headers) => { headers['X-Innkeeper-Release'] = release; });
}

io.use((socket, next) => {
  const token = cookie(socket.handshake.headers.cookie, '__Host-owner') || socket.handshake.auth?.token;
  const claims = ownerFrom(token);
  if (!claims) return next(new Error('unauthorized'));
  socket.data.until = claims.exp * 1000;
  next();
});

io.on('connection', (socket) => {
  socket.join('owner');
  // A connection does not outlive the session it was opened with.
  const timer = setTimeout(() => socket.disconnect(true), Math.min(socket.data.until - Date.now(), 2 ** 31 - 1));
  socket.on('disconnect', () => clearTimeout(timer));
});

server.listen(port, () => log('info', 'alert service listens', { port }));

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    io.close();
    setTimeout(() => process.exit(0), 3000).unref();
  });
}
