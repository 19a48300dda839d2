// The buyers' page: it asks the server, repeats what must be repeated, and shows the view that rules.js names.
import { keepLogin, Kept, takeLogin } from './kept.js';
import * as rules from './rules.js';
import { ask, newKey, ServerClock } from './server.js';
import { focusReceipts, show } from './show.js';

/** How old an answer about the sale may be: nginx keeps it for a second, and the API for a tenth. */
const cachedMs = 1100;
/** The first wait of a page that can't reach the sale; it doubles up to a minute. */
const retryMs = 2000;

const clock = new ServerClock();
const saleName = new URLSearchParams(location.search).get('sale');
// Twice, because nginx decodes it once: a name like `demo/queue` must not be another page's address.
const path = saleName ? `/v1/sales/${encodeURIComponent(encodeURIComponent(saleName))}` : '/v1/sales';
const { login, doubt } = takeLogin();
const kept = new Kept(saleName ?? '', login?.buyer);

/**
 * What is known: all `sales`, if the address names none, or the last pages of the sale and of its queue; the buyer's
 * login, and a `doubt` whether it is theirs; their place and orders; and the receipts, once they have been asked for.
 * `asking` is what is being asked for, `buy`, `join` or `orders`, and `reason` why it is being repeated; `refusal` is why
 * the last request was refused, and `notice` what is said of it beside the next view. `openQuantity` is the quantity of
 * an attempt that may have won, and `lookedFor` the key of one whose order has been looked for since. `buysAnother` says
 * that who has an order wants more. `failures` counts the looks that have failed since the last one that did not.
 */
const page = {
    path, sales: null, sale: null, queue: null, login, doubt, place: kept.place, orders: kept.orders, receipts: null,
    asking: null, reason: null, refusal: null, notice: null, failures: 0, openQuantity: kept.attempt?.quantity,
    lookedFor: null, buysAnother: kept.attempt !== null && kept.orders.length > 0,
};
let lookTimer, drawTimer, lookedAt = 0;

/**
 * Waits. Whoever got no answer waits no longer than until there is a network again, and then a part of a second: all
 * the phones of a cell are back at once.
 */
const pause = (ms, reason) => new Promise((wake) => {
    const over = new AbortController();
    const end = () => { over.abort(); wake(); };
    const endSoon = () => setTimeout(end, Math.random() * 1000);
    setTimeout(end, ms);
    if (reason === 'offline') addEventListener('online', endSoon, { signal: over.signal });
});

/** Looks at the sale or at all of them, and again after a while, for as long as somebody looks at the page. */
async function look() {
    clearTimeout(lookTimer);
    lookedAt = performance.now();
    try {
        await lookAtPage();
    } finally {
        lookLater();
    }
    draw();
}

function lookLater() {
    const failedMs = Math.min(retryMs * 2 ** page.failures, 60_000) * (0.5 + Math.random() / 2);
    clearTimeout(lookTimer);
    lookTimer = setTimeout(() => document.hidden || look(), page.failures > 0 ? failedMs : rules.nextLookMs(page));
}

/** Looks at once, unless it has just looked. */
function lookSoon() {
    if (performance.now() - lookedAt > 1000) look();
}

async function lookAtPage() {
    const began = performance.now();
    const answer = await ask(clock, path, { tries: page.failures });
    const isGone = answer.problem === 'not-found';
    page.failures = answer.status === 200 || isGone ? 0 : page.failures + 1;
    const { refusal } = page;
    if (answer.status === 200) {
        if (refusal && rules.mayPass(refusal.reason) && began > refusal.at + cachedMs) page.refusal = null;
        if (saleName) await learnSale(answer.body);
        else page.sales = answer.body.sales;
    } else if (isGone) {
        // Archived, maybe while the phone slept: of a sale that is only lost for the moment, the API says 503.
        refuse({ reason: 'unknown' });
    } else if (!page.sale && !page.sales) {
        page.refusal = { reason: 'unreachable', at: -Infinity };
    }
}

async function learnSale(sale) {
    if (!page.sale || rules.isLater(rules.msAfter(sale, page.sale))) page.sale = sale;
    if (rules.isOver(page.sale, clock.now)) settle();
    if (rules.dependsOnQueue(page)) await lookAtQueue();
}

/**
 * Nobody presses any more: a wish for another unit ends, and what has become of an attempt that is still open is asked.
 * As long as units may come back, that is done without a purchase: it might win for somebody who has left.
 */
async function settle() {
    if (page.asking || page.refusal || page.doubt) return;
    if (!page.openQuantity) page.buysAnother = false;
    if (!page.openQuantity || !rules.isValid(page.login, clock.now)) return;
    if (rules.hasEnded(page.sale, clock.now)) return buy();
    const key = kept.attempt?.key;
    if (page.lookedFor === key || !await learnOrders(settle)) return;
    Object.assign(page, { lookedFor: key, buysAnother: false });
    draw();
}

/** Everybody who waits looks at the queue's public page, which is cached; whose turn it is asks for their own place. */
async function lookAtQueue() {
    const { begins } = rules.turnOfPlace(page.place, page.queue, clock.now);
    const hasBegun = page.place.state === 'missed' || (begins !== null && begins <= clock.now);
    if (hasBegun) return lookAtPlace();
    const answer = await ask(clock, `${path}/queue`);
    if (answer.status !== 200) return;
    page.queue = answer.body;
    const { place } = page;
    if (place && (rules.isGone(place, page.queue) || rules.isAhead(place, page.queue))) await lookAtPlace();
}

async function lookAtPlace() {
    const { place } = page;
    const { ticket } = place;
    const answer = await ask(clock, `${path}/queue`, { ticket });
    if (!isCurrent(ticket)) return;
    if (answer.status === 200) return keepPlace({ ...place, ...answer.body });
    const result = rules.judge(answer, 0);
    // Whoever has missed a turn joins again by the button, which gives the same place if it has survived.
    if (result.reason === 'outdated' && place.state !== 'missed') refuse({ ...result, ticket });
}

/** Whether a ticket is that of the place, still: an answer about an earlier place says nothing about this one. */
const isCurrent = (ticket) => page.place !== null && page.place.ticket === ticket;

function keepPlace(place) {
    page.place = kept.place = place;
}

/** Whether anything may be asked for: one thing at a time, and in nobody's name but the person's own. */
const mayAsk = () => !page.asking && !page.doubt && page.login !== null;

/** Repeats a request until it is answered with yes or no. */
async function untilAnswered(what, send) {
    Object.assign(page, { asking: what, refusal: null, reason: null, notice: null });
    try {
        for (let tries = 0; ; tries++) {
            draw();
            const result = rules.judge(await send(tries), tries);
            if (result.kind !== 'again') return result;
            page.reason = result.reason;
            draw();
            await pause(result.afterMs, result.reason);
        }
    } finally {
        page.asking = null;
    }
}

/**
 * Buys, or goes on with the attempt that is under way, maybe from another tab. Whoever has just pressed says how many
 * units.
 */
async function buy(quantity) {
    if (!mayAsk()) return;
    if (quantity) kept.attempt = { key: newKey(), quantity, ...kept.attempt, at: Date.now() };
    const { attempt } = kept;
    // Another tab has just ended it.
    if (!attempt) return;
    const shown = page.orders;
    Object.assign(page, { openQuantity: attempt.quantity, lookedFor: null, buysAnother: page.orders.length > 0 });
    let ticket;
    const result = await untilAnswered('buy', (tries) => {
        ticket = page.place?.ticket;
        return ask(clock, `${path}/purchases`, {
            method: 'POST', token: page.login.token, ticket, key: attempt.key,
            quantity: attempt.quantity > 1 ? attempt.quantity : undefined, tries,
        });
    });
    if (result.kind === 'done') kept.add(result.body);
    if (result.kind === 'done' || !rules.leavesOpen(result.reason)) {
        // Another tab may have begun another one.
        if (kept.attempt?.key === attempt.key) kept.attempt = null;
        page.openQuantity = kept.attempt?.quantity;
    }
    if (result.kind === 'refused') return refuse({ ...result, ticket });
    // Whoever pressed may have seen the order that an old attempt had won: the wish for another is still open.
    const isOld = quantity !== undefined && shown.some(({ order }) => order === result.body.order);
    const notice = isOld ? 'old-order' : null;
    Object.assign(page, { orders: kept.orders, receipts: null, buysAnother: isOld, notice });
    draw();
}

/** Asks for a place, maybe instead of one that was `lost`. */
async function join(lost) {
    if (!mayAsk()) return;
    const result = await untilAnswered('join', (tries) =>
        ask(clock, `${path}/queue`, { method: 'POST', token: page.login.token, tries }));
    if (result.kind !== 'done') return refuse(result);
    keepPlace(result.body);
    if (lost && lost.position !== page.place.position) page.notice = 'new-place';
    draw();
    // A process that has not noticed yet that the queue has begun again takes no new ticket: a look at once would lead
    // here again.
    if (lost) lookLater();
    else look();
}

/** What a refusal leads to, besides its view. */
const consequences = {
    login: () => { page.login = null; },
    missed: ({ ticket }) => { if (isCurrent(ticket)) keepPlace({ ...page.place, state: 'missed' }); },
    insufficient: ({ body: { remaining } }) => { page.sale &&= { ...page.sale, remaining }; },
    // Joining again gives the same position, if it has survived, or the next one. Until then the old one is kept for a
    // reload, but no longer shown.
    outdated: ({ ticket }) => {
        const { place } = page;
        if (page.asking || page.doubt || !isCurrent(ticket)) return;
        page.place = null;
        join(place);
    },
    // Of a purchase: a look may reach a process that lacks the key while the purchase would reach one that has it.
    'bad-ticket': ({ ticket }) => {
        if (!isCurrent(ticket)) return;
        keepPlace(null);
        page.notice = 'bad-ticket';
    },
    limit: async () => {
        const again = consequences.limit;
        const answer = await learnOrders(again);
        if (answer && page.orders.length === 0) refuse({ ...answer, reason: 'trouble', again });
        else if (answer) page.notice = 'no-other';
        draw();
    },
    stale: ({ body: { opens_at } }) => {
        if (opens_at) page.sale &&= { ...page.sale, opens_at };
        look();
    },
};
/** Refusals that have a view of their own. */
const views = ['login', 'unknown', 'sold-out', 'ended', 'insufficient', 'trouble'];

function refuse(result) {
    const { reason, trace, again } = result;
    if (views.includes(reason)) page.refusal = { reason, trace, again, at: performance.now() };
    // While the attempt is open, nobody knows.
    if (page.buysAnother && !page.openQuantity && rules.endsWish(reason)) {
        Object.assign(page, { buysAnother: false, notice: 'no-other' });
    }
    consequences[reason]?.(result);
    draw();
}

/**
 * Gets the buyer's orders: some were won on another device. Returns the answer; if it is a refusal, undefined, and the
 * button that tries again does `again`.
 */
async function learnOrders(again) {
    const { notice } = page;
    const result = await untilAnswered('orders', (tries) =>
        ask(clock, `${path}/purchases`, { token: page.login.token, tries }));
    for (const order of result.body.orders ?? []) kept.add(order);
    Object.assign(page, { orders: kept.orders, notice });
    if (result.kind === 'done') return result;
    refuse({ ...result, again });
}

/** Goes on with an attempt that was found. */
function goOn() {
    if (rules.goesOn(kept.attempt, Date.now())) buy();
}

async function showReceipts() {
    page.receipts = null;
    draw();
    const answers = await Promise.all(
        page.orders.map(({ order }) => ask(clock, `${path}/orders/${order}`, { token: page.login?.token })));
    page.receipts = rules.judgeReceipts(answers);
    draw();
    if (!page.receipts.missing) focusReceipts();
}

/** Shows the view of this moment, and comes back when it changes by itself. */
function draw() {
    clearTimeout(drawTimer);
    const hasSlept = clock.hasSlept();
    const now = clock.now;
    const view = rules.view(page, now);
    const isNew = show(view, page, now);
    // Its end may have moved, if the sale was paused meanwhile.
    if (hasSlept) look();
    else if (isNew && view.name === 'missed') lookSoon();
    // A countdown changes when a whole second is left.
    if (view.at > now) drawTimer = setTimeout(draw, ((view.at - now) % 1000) + 1);
}

const actions = {
    buy: (form) => buy(Number(form.quantity.value) || 1),
    join: () => join(),
    receipt: showReceipts,
    another: () => { Object.assign(page, { buysAnother: true, notice: null }); },
    // The page begins anew, with what is kept of that buyer.
    accept: () => { keepLogin(page.doubt.offered); location.reload(); },
    decline: () => { page.doubt = null; goOn(); },
    back: () => { Object.assign(page, { buysAnother: false, refusal: null }); },
    dismiss: () => { page.refusal = null; },
    resume: () => {
        const { attempt } = kept;
        const again = page.refusal?.again ?? (attempt ? () => buy(attempt.quantity) : look);
        page.refusal = null;
        return again();
    },
};
for (const form of document.querySelectorAll('form[data-action]')) {
    form.addEventListener('submit', (event) => {
        event.preventDefault();
        actions[form.dataset.action](form);
        draw();
    });
}

/** Whoever comes back, or has a network again, has missed looks. */
function wake() {
    if (document.hidden) return;
    draw();
    lookSoon();
}
document.addEventListener('visibilitychange', wake);
addEventListener('online', wake);
// Another tab has bought, or joined.
addEventListener('storage', () => {
    Object.assign(page, { orders: kept.orders, place: kept.place, openQuantity: kept.attempt?.quantity });
    draw();
});
// A page that the browser has kept for the back button does not know of a login that the tab has got since.
addEventListener('pageshow', ({ persisted }) => {
    if (persisted && takeLogin().login?.token !== login?.token) location.reload();
});
// The shop's link, opened in a tab that has the page already, changes the fragment alone.
addEventListener('hashchange', () => location.reload());

draw();
look();
goOn();
