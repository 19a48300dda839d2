// What the buyers' page decides: pure functions of what the server said and of its time. Times are milliseconds since
// 1970 on the server's clock.

/**
 * How long the page waits before it looks at the sale again, 45 s on average: a million open pages are then 22,000 looks
 * a second, which nginx answers from its cache. The spread keeps them from coming together.
 */
export const nextLookMs = (random = Math.random()) => 30_000 + random * 30_000;

/** Why an attempt is refused, by the problem's name: the view that says so, or `stale`. Anything else is `trouble`. */
const refusals = {
    'unauthorized': 'login',
    'not-found': 'unknown',
    'sold-out': 'sold-out',
    'sale-ended': 'ended',
    'purchase-limit': 'limit',
    'insufficient-stock': 'insufficient',
    'turn-missed': 'missed',
    'ticket-outdated': 'outdated',
    'ticket-forged': 'outdated',
    'ticket-foreign': 'outdated',
    'ticket-of-another': 'outdated',
    // The sale has changed since the page looked.
    'turn-not-yet': 'stale',
    'ticket-required': 'stale',
    'no-waiting-room': 'stale',
};

/** Why an answer says that the same request may still succeed; undefined if it doesn't. */
function reasonToRepeat({ status, problem }) {
    if (status === 0) return 'offline';
    if (status === 202) return 'pending';
    if (status === 429 || status >= 500) return 'busy';
    return { 'sale-paused': 'paused', 'sale-not-open': 'not-open' }[problem];
}

/**
 * What an answer means for the attempt that got it: `done`; `again`, the same request after `afterMs`; or `refused`.
 * `tries` counts the answers that this attempt has had before.
 */
export function judge(answer, tries, random = Math.random()) {
    if (answer.status === 200 || answer.status === 201) return { kind: 'done', body: answer.body };
    const reason = reasonToRepeat(answer);
    if (!reason) {
        const { body, trace } = answer;
        return { kind: 'refused', reason: refusals[answer.problem] ?? 'trouble', body, trace };
    }
    // Retry-After, and up to a second more, so that not all come back in one moment; without it 1, 2, 4, 8 s, halved
    // at most.
    const afterMs = answer.retryAfterSeconds
        ? (answer.retryAfterSeconds + random) * 1000
        : Math.min(1000 * 2 ** tries, 8000) * (0.5 + random / 2);
    return { kind: 'again', reason, afterMs };
}

/** Whether a refusal says nothing about the attempt itself: what was sent earlier may have won, so its key is kept. */
export const leavesOpen = (reason) => reason === 'login' || reason === 'trouble';

/** Whether a later look at the sale may show that a refusal holds no more. */
export const mayPass = (reason) => ['sold-out', 'ended', 'insufficient', 'unreachable', 'unknown'].includes(reason);

/** The part of the queue's schedule that a position's turn is in. */
const segmentOf = (position, schedule) => schedule.findLast(({ after }) => after < position);

/** When a position's turn begins; null while nobody is admitted (docs/fairness.md has the formula). */
export function turnOf(position, schedule) {
    const segment = segmentOf(position, schedule);
    if (!segment || segment.paused) return null;
    return Date.parse(segment.from) + Math.ceil(((position - segment.after) * 1000) / segment.rate);
}

/** When the place's turn begins and ends: by the newer of the queue's page and what the ticket came with. */
export function turnOfPlace(place, queue) {
    const begins = place.turn_at === null ? null : Date.parse(place.turn_at);
    const ends = place.expires_at === null ? null : Date.parse(place.expires_at);
    if (!queue || Date.parse(queue.server_time) <= Date.parse(place.server_time)) return { begins, ends };
    const moved = turnOf(place.position, queue.schedule);
    if (moved === null || moved === begins) return { begins: moved, ends };
    return { begins: moved, ends: moved + queue.turn_window_seconds * 1000 };
}

/** How many people are still before a place; counted from its turn, so that it goes down without asking. */
export function aheadOf(place, queue, now) {
    const { begins } = turnOfPlace(place, queue);
    if (!queue || begins === null) return place.ahead;
    const { after } = segmentOf(place.position, queue.schedule);
    const turnsBefore = Math.ceil(((begins - now) * queue.rate) / 1000) - 1;
    return Math.max(0, Math.min(turnsBefore, place.position - after - 1));
}

/** How many units one person may still ask for. */
export function mayStillBuy(sale, orders) {
    const bought = orders.reduce((sum, { quantity }) => sum + quantity, 0);
    return Math.max(0, Math.min(sale.max_per_buyer - bought, sale.remaining));
}

/**
 * The view to show, and the moment at which it changes by itself, if one is known.
 *
 * `asking` is `buy` or `join` while an attempt is under way; `refusal` is why the last one was refused.
 */
export function view({ sale, queue, place, isLoggedIn, orders, buysAnother, asking, refusal }, now) {
    if (asking) return { name: asking === 'join' ? 'joining' : 'asking' };
    if (orders.length > 0 && !buysAnother) return { name: 'secured' };
    if (refusal) return { name: refusal.reason };
    if (!sale) return { name: 'loading' };
    if (sale.state === 'ended' || (sale.closes_at && Date.parse(sale.closes_at) <= now)) return { name: 'ended' };
    if (sale.state === 'sold_out') return { name: 'sold-out' };

    const opens = sale.opens_at ? Date.parse(sale.opens_at) : 0;
    if (!isLoggedIn) return { name: now < opens ? 'scheduled' : 'login', at: opens };
    if (sale.queue) {
        if (!place) return { name: 'join' };
        const { begins, ends } = turnOfPlace(place, queue);
        if (begins === null || now < begins) return { name: 'waiting', at: begins };
        if (sale.state === 'paused') return { name: 'paused' };
        return now < ends ? { name: 'buy', at: ends } : { name: 'missed' };
    }
    if (now < opens) return { name: 'scheduled', at: opens };
    if (sale.state === 'paused') return { name: 'paused' };
    return { name: 'buy' };
}

/** A span of time as 1:02:03 or 2:03; a part of a second counts as a second, so 0:00 means now. */
export function countdown(ms) {
    const seconds = Math.max(0, Math.ceil(ms / 1000));
    const two = (number) => String(number).padStart(2, '0');
    const hours = Math.floor(seconds / 3600);
    const minutes = Math.floor(seconds / 60) % 60;
    return `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(seconds % 60)}`;
}
