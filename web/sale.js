// The buyers' page: it asks the server, repeats what must be repeated, and shows the view that rules.js names.
import { Kept, takeLogin } from './kept.js';
import * as rules from './rules.js';
import { ask, newKey, ServerClock } from './server.js';
import { show, showSales } from './show.js';

/** How old an answer about the sale may be: nginx keeps it for a second, and the API for a tenth. */
const cachedMs = 1100;
/** The first wait of a page that can't reach the sale; it doubles up to a minute. */
const retryMs = 2000;

const clock = new ServerClock();
const saleName = new URLSearchParams(location.search).get('sale');
const path = `/v1/sales/${encodeURIComponent(saleName)}`;
const login = takeLogin();
const kept = new Kept(saleName, login?.buyer);

/**
 * What is known: the last pages of the sale and of its queue; the buyer's login, place and orders; and the receipts,
 * once they have been asked for. `asking` is the attempt under way, `buy` or `join`, and `reason` why it is being
 * repeated; `refusal` is why the last one was refused. `settled` is the quantity of an attempt that may have won.
 */
const page = {
    path, sale: null, queue: null, login, place: kept.place, orders: kept.orders, receipts: null,
    buysAnother: false, asking: null, reason: null, refusal: null, settled: kept.attempt?.quantity,
};
let lookTimer, drawTimer, lookedAt = 0, failures = 0;

/** Waits; if there is no network, only until there is one again. */
const pause = (ms) => new Promise((wake) => {
    const over = new AbortController();
    const end = () => { over.abort(); wake(); };
    setTimeout(end, ms);
    addEventListener('online', end, { signal: over.signal });
});

/** Looks at the sale, and again after a while, for as long as somebody looks at the page. */
async function look() {
    clearTimeout(lookTimer);
    lookedAt = Date.now();
    const began = performance.now();
    const answer = await ask(clock, path);
    failures = answer.status === 200 || answer.status === 404 ? 0 : failures + 1;
    const { sale, refusal } = page;
    if (answer.status === 200) {
        if (!sale || Date.parse(answer.body.server_time) >= Date.parse(sale.server_time)) page.sale = answer.body;
        if (refusal && rules.mayPass(refusal.reason) && began > refusal.at + cachedMs) page.refusal = null;
        if (rules.dependsOnQueue(page)) await lookAtQueue();
    } else if (!sale) {
        page.refusal = { reason: answer.status === 404 ? 'unknown' : 'unreachable', at: -Infinity };
    }
    draw();
    const failedMs = Math.min(retryMs * 2 ** failures, 60_000) * (0.5 + Math.random() / 2);
    clearTimeout(lookTimer);
    lookTimer = setTimeout(() => document.hidden || look(), failures > 0 ? failedMs : rules.nextLookMs(page));
}

/** Everybody who waits looks at the queue's public page, which is cached; whose turn it is asks for their own place. */
async function lookAtQueue() {
    const { place } = page;
    const begins = place && rules.turnOfPlace(place, page.queue, clock.now).begins;
    if (begins !== null && begins <= clock.now) return lookAtPlace();
    const answer = await ask(clock, `${path}/queue`);
    if (answer.status !== 200) return;
    page.queue = answer.body;
    if (place && rules.isGone(place, page.queue)) await lookAtPlace();
}

async function lookAtPlace() {
    const { place } = page;
    const answer = await ask(clock, `${path}/queue`, { ticket: place.ticket });
    if (answer.status === 200) return keepPlace({ ...place, ...answer.body });
    const result = rules.judge(answer, 0);
    if (result.reason === 'outdated' || result.reason === 'foreign') refuse(result);
}

function keepPlace(place) {
    page.place = kept.place = place;
}

/** Repeats a request until it is answered with yes or no. */
async function untilAnswered(what, send) {
    Object.assign(page, { asking: what, refusal: null, reason: null });
    for (let tries = 0; ; tries++) {
        draw();
        const result = rules.judge(await send(tries), tries);
        if (result.kind !== 'again') {
            page.asking = null;
            return result;
        }
        page.reason = result.reason;
        draw();
        await pause(result.afterMs);
    }
}

/** Buys, or goes on with the attempt that is under way, maybe from another tab. */
async function buy(quantity) {
    if (page.asking) return;
    const attempt = (kept.attempt ??= { key: newKey(), quantity, at: clock.now });
    page.settled = attempt.quantity;
    const result = await untilAnswered('buy', (tries) =>
        ask(clock, `${path}/purchases`, {
            method: 'POST', token: page.login.token, ticket: page.place?.ticket, key: attempt.key,
            quantity: attempt.quantity > 1 ? attempt.quantity : undefined, tries,
        }));
    page.buysAnother = false;
    if (result.kind === 'done') kept.add(result.body);
    if (result.kind === 'done' || !rules.leavesOpen(result.reason)) {
        // Another tab may have begun another one.
        if (kept.attempt?.key === attempt.key) kept.attempt = null;
        page.settled = kept.attempt?.quantity;
    }
    if (result.kind === 'refused') return refuse(result);
    Object.assign(page, { orders: kept.orders, receipts: null });
    draw();
}

async function join() {
    if (page.asking) return;
    const result = await untilAnswered('join', (tries) =>
        ask(clock, `${path}/queue`, { method: 'POST', token: page.login.token, tries }));
    if (result.kind !== 'done') return refuse(result);
    keepPlace(result.body);
    draw();
    look();
}

/** What a refusal leads to, besides its view. */
const consequences = {
    login: () => { page.login = null; },
    foreign: () => { keepPlace(null); },
    missed: () => { keepPlace({ ...page.place, state: 'missed' }); },
    insufficient: ({ remaining }) => { page.sale = { ...page.sale, remaining }; },
    // Joining again gives the same position, if it has survived, or the next one.
    outdated: () => join(),
    limit: () => learnOrders(),
    stale: ({ opens_at }) => {
        if (opens_at) page.sale = { ...page.sale, opens_at };
        look();
    },
};
/** Refusals that have a view of their own. */
const views = ['login', 'unknown', 'sold-out', 'ended', 'insufficient', 'trouble'];

function refuse({ reason, body, trace }) {
    if (views.includes(reason)) page.refusal = { reason, trace, at: performance.now() };
    consequences[reason]?.(body);
    draw();
}

/** Gets the buyer's orders: some were won on another device. */
async function learnOrders() {
    const { status, body, trace } = await ask(clock, `${path}/purchases`, { token: page.login.token });
    for (const order of body.orders ?? []) kept.add(order);
    page.orders = kept.orders;
    if (status !== 200 || page.orders.length === 0) return refuse({ reason: 'trouble', trace });
    draw();
}

async function showReceipts() {
    const answers = await Promise.all(
        page.orders.map(({ order }) => ask(clock, `${path}/orders/${order}`, { token: page.login?.token })));
    page.receipts = answers.map(({ body }) => body.receipt).filter(Boolean);
    draw();
}

/** Shows the view of this moment, and comes back when it changes by itself. */
function draw() {
    clearTimeout(drawTimer);
    const hasSlept = clock.hasSlept();
    const now = clock.now;
    const view = rules.view(page, now);
    const isNew = show(view, page, now);
    // Its end may have moved, if the sale was paused meanwhile.
    if (hasSlept || (isNew && view.name === 'missed')) look();
    // A countdown changes when a whole second is left.
    if (view.at > now) drawTimer = setTimeout(draw, ((view.at - now) % 1000) + 1);
}

const actions = {
    buy: (form) => buy(Number(form.quantity.value) || 1),
    join,
    receipt: showReceipts,
    another: () => { page.buysAnother = true; },
    dismiss: () => { page.refusal = null; },
    resume: () => {
        page.refusal = null;
        return kept.attempt ? buy() : look();
    },
};
for (const form of document.querySelectorAll('form[data-action]')) {
    form.addEventListener('submit', (event) => {
        event.preventDefault();
        actions[form.dataset.action](form);
        draw();
    });
}
// Whoever comes back has missed looks.
document.addEventListener('visibilitychange', () => {
    if (document.hidden || !saleName) return;
    draw();
    if (Date.now() - lookedAt > 1000) look();
});
// Another tab has bought, or joined.
addEventListener('storage', () => {
    Object.assign(page, { orders: kept.orders, place: kept.place, settled: kept.attempt?.quantity });
    draw();
});
// The shop's link, opened in a tab that has the page already, changes the fragment alone.
addEventListener('hashchange', () => location.reload());

/** Lists all sales, as soon as they can be had. */
async function list(tries = 0) {
    const { status, body } = await ask(clock, '/v1/sales', { tries });
    if (status === 200) return showSales(body.sales);
    page.refusal = { reason: 'unreachable' };
    draw();
    setTimeout(list, Math.min(retryMs * 2 ** tries, 60_000) * (0.5 + Math.random() / 2), tries + 1);
}

if (saleName) {
    draw();
    look();
    if (page.login && rules.goesOn(kept.attempt, clock.now)) buy();
} else {
    list();
}
