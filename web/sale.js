// The buyers' page: it asks the server, repeats what must be repeated, and shows the view that rules.js names.
import { Kept, newKey, takeToken } from './kept.js';
import * as rules from './rules.js';
import { ask, ServerClock } from './server.js';
import { show, showSales } from './show.js';

/** An answer about the sale may come from a cache that is this old. */
const cachedMs = 1000;
/** Between looks as long as the sale can't be reached. */
const retryMs = 5000;

const clock = new ServerClock();
const saleName = new URLSearchParams(location.search).get('sale');
const path = `/v1/sales/${encodeURIComponent(saleName)}`;
const token = takeToken();
const kept = new Kept(saleName, token);

/**
 * What is known: the last pages of the sale and of its queue, the buyer's place and orders, and the receipts once they
 * have been asked for. `asking` is the attempt under way, `buy` or `join`, and `reason` why it is being repeated;
 * `refusal` is why the last one was refused.
 */
const page = {
    path, sale: null, queue: null, place: kept.place, orders: kept.orders, receipts: null, isLoggedIn: Boolean(token),
    buysAnother: false, asking: null, reason: null, refusal: null,
};
let lookTimer, drawTimer, lookedAt = -Infinity;

const sleep = (ms) => new Promise((wake) => setTimeout(wake, ms));

/** Looks at the sale, and again after a while, for as long as somebody looks at the page. */
async function look() {
    clearTimeout(lookTimer);
    lookedAt = performance.now();
    const began = lookedAt;
    const answer = await ask(clock, path);
    if (answer.status === 200) {
        page.sale = answer.body;
        const { refusal } = page;
        if (refusal && rules.mayPass(refusal.reason) && began > refusal.at + cachedMs) page.refusal = null;
        if (page.sale.queue) await lookAtQueue();
    } else if (!page.sale) {
        page.refusal = { reason: answer.status === 404 ? 'unknown' : 'unreachable', at: -Infinity };
    }
    draw();
    const waits = page.sale ? rules.nextLookMs() : retryMs * (0.5 + Math.random());
    clearTimeout(lookTimer);
    lookTimer = setTimeout(() => document.hidden || look(), waits);
}

/** Everybody who waits looks at the queue's public page, which is cached; only whose turn it is asks for their own. */
async function lookAtQueue() {
    const { place } = page;
    const begins = place && rules.turnOfPlace(place, page.queue).begins;
    const ticket = begins !== null && begins <= clock.now ? place?.ticket : undefined;
    const answer = await ask(clock, `${path}/queue`, { ticket });
    if (answer.status !== 200) {
        const result = rules.judge(answer, 0);
        if (ticket && result.reason === 'outdated') refuse(result);
    } else if (ticket) {
        page.place = kept.place = { ...place, ...answer.body };
    } else {
        page.queue = answer.body;
    }
}

/** Repeats a request until it is answered with yes or no. */
async function untilAnswered(what, send) {
    page.asking = what;
    page.refusal = null;
    page.reason = null;
    for (let tries = 0; ; tries++) {
        draw();
        const result = rules.judge(await send(), tries);
        if (result.kind === 'again') {
            page.reason = result.reason;
            draw();
            await sleep(result.afterMs);
            continue;
        }
        page.asking = null;
        return result;
    }
}

/** Buys, or goes on with the attempt that is under way, maybe from another tab. */
async function buy(quantity) {
    if (page.asking) return;
    const attempt = (kept.attempt ??= { key: newKey(), quantity });
    const body = attempt.quantity > 1 ? attempt : { key: attempt.key };
    const result = await untilAnswered('buy', () =>
        ask(clock, `${path}/purchases`, { method: 'POST', token, ticket: page.place?.ticket, ...body }));
    if (result.kind === 'done') {
        kept.add(result.body);
        kept.attempt = null;
        page.orders = kept.orders;
        page.buysAnother = false;
        page.receipts = null;
        draw();
    } else {
        if (!rules.leavesOpen(result.reason)) kept.attempt = null;
        refuse(result);
    }
}

async function join() {
    if (page.asking) return;
    const result = await untilAnswered('join', () => ask(clock, `${path}/queue`, { method: 'POST', token }));
    if (result.kind !== 'done') return refuse(result);
    page.place = kept.place = result.body;
    look();
}

function refuse({ reason, body, trace }) {
    if (reason === 'stale') return look();
    if (reason === 'login') page.isLoggedIn = false;
    if (reason === 'missed' || reason === 'outdated') page.place = kept.place = null;
    page.refusal = { reason, body, trace, at: performance.now() };
    draw();
}

async function showReceipts() {
    const answers = await Promise.all(page.orders.map(({ order }) => ask(clock, `${path}/orders/${order}`, { token })));
    page.receipts = answers.map(({ body }) => body.receipt).filter(Boolean);
    draw();
}

/** Shows the view of this moment, and comes back when it changes by itself. */
function draw() {
    clearTimeout(drawTimer);
    const now = clock.now;
    const view = rules.view(page, now);
    const isNew = show(view, page, now);
    // The turn may have been prolonged while the sale was paused.
    if (isNew && view.name === 'missed' && page.place) look();
    // A countdown changes when a whole second is left.
    if (view.at) drawTimer = setTimeout(draw, Math.max(0, (view.at - now) % 1000) + 1);
}

// The page begins.

const actions = {
    buy: (form) => buy(Number(form.quantity.value) || 1),
    join,
    receipt: showReceipts,
    another: () => { page.buysAnother = true; draw(); },
    dismiss: () => { page.refusal = null; draw(); },
    resume: () => (kept.attempt ? buy() : look()),
};
for (const form of document.querySelectorAll('form[data-action]')) {
    form.addEventListener('submit', (event) => {
        event.preventDefault();
        actions[form.dataset.action](form);
    });
}
// A phone that wakes up has missed looks, and another tab may have bought meanwhile.
document.addEventListener('visibilitychange', () => {
    if (!document.hidden && saleName && performance.now() - lookedAt > retryMs) look();
});
// The shop's link, opened in a tab that has the page already, changes the fragment alone.
addEventListener('hashchange', () => location.reload());
addEventListener('storage', () => {
    Object.assign(page, { orders: kept.orders, place: kept.place });
    draw();
});

if (saleName) {
    draw();
    look();
    if (token && kept.attempt) buy();
} else {
    const { body } = await ask(clock, '/v1/sales');
    showSales(body.sales ?? []);
}
