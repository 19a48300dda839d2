// What the buyers' page decides: pure functions of what the server said and of its time. Times are milliseconds since
// 1970 on the server's clock.

/**
 * How long the page waits before it looks at the sale again: 45 s on average, so that a million open pages make 22,000
 * looks a second, which nginx answers from its cache; that at a missed turn, the API answers. A paused sale is looked at
 * twice as often, and who waits for a turn looks three times in as long as a turn lasts: a higher rate lets turns come
 * earlier than was said. The spread keeps looks from coming together.
 */
export function nextLookMs(page, random = Math.random()) {
    const { sale, place } = page;
    const isWaiting = dependsOnQueue(page) && place.state !== 'missed';
    const turnMs = isWaiting ? (sale.queue.turn_window_seconds * 1000) / 3 : Infinity;
    const mostMs = Math.min(sale?.state === 'paused' ? 30_000 : 60_000, turnMs);
    return mostMs * (0.5 + random / 2);
}

/** Why an attempt is refused, by the problem's name; anything else is `trouble`. */
const refusals = {
    'unauthorized': 'login',
    'not-found': 'unknown',
    'sold-out': 'sold-out',
    'sale-ended': 'ended',
    'purchase-limit': 'limit',
    'insufficient-stock': 'insufficient',
    'turn-missed': 'missed',
    'ticket-outdated': 'outdated',
    // The page keeps places for each buyer and sale, so whoever was asked lacks the key that signed the ticket.
    'ticket-forged': 'bad-ticket',
    'ticket-foreign': 'bad-ticket',
    'ticket-of-another': 'bad-ticket',
    // The sale has changed since the page looked.
    'sale-not-open': 'stale',
    'turn-not-yet': 'stale',
    'ticket-required': 'stale',
    'no-waiting-room': 'stale',
};

/** The longest wait that a browser's timer takes; after a longer one it fires at once. */
const waitMaxMs = 2 ** 31 - 1;

/** Why an answer says that the same request may still succeed; undefined if it doesn't. */
function reasonToRepeat({ status, problem }) {
    if (status === 0) return 'offline';
    if (status === 202) return 'pending';
    if (status === 429 || status >= 500) return 'busy';
    return problem === 'sale-paused' ? 'paused' : undefined;
}

/**
 * What an answer means for the attempt that got it: `done`; `again`, the same request after `afterMs`; or `refused`.
 * `tries` counts the answers that this attempt has had before.
 *
 * The wait is never less than Retry-After, and grows up to 16 to 32 s: a million pages that each came back after the
 * second that a Retry-After asks for would keep a server down that has just come up.
 */
export function judge({ status, problem, retryAfterSeconds, body, trace }, tries, random = Math.random()) {
    const isOurs = (body) => body.status === 'secured' || body.ticket || body.orders;
    if ((status === 200 || status === 201) && isOurs(body)) return { kind: 'done', body, trace };
    const reason = reasonToRepeat({ status, problem });
    if (!reason) return { kind: 'refused', reason: refusals[problem] ?? 'trouble', body, trace };
    const grownMs = Math.min(500 * 2 ** tries, 16_000);
    const leastMs = Math.max(retryAfterSeconds * 1000, grownMs);
    const afterMs = Math.min(leastMs + random * Math.max(1000, grownMs), waitMaxMs);
    return { kind: 'again', reason, afterMs };
}

/** The receipts in the answers about a buyer's orders, how many were asked for, and why any is `missing`, or null. */
export function judgeReceipts(answers) {
    const texts = answers.map(({ body }) => body.receipt).filter(Boolean);
    const because = (missing) => ({ texts, asked: answers.length, missing });
    if (texts.length === answers.length) return because(null);
    if (answers.some(({ status }) => status === 401)) return because('login');
    // The sale has been archived.
    if (answers.some(({ status }) => status === 404)) return because('gone');
    // Without a key to sign them, the server has none.
    return because(answers.every(({ status }) => status === 200) ? 'none' : 'failed');
}

/** Whether a refusal says nothing about the attempt itself: what was sent earlier may have won, so its key is kept. */
export const leavesOpen = (reason) => ['login', 'trouble', 'bad-ticket', 'unknown'].includes(reason);

/** Whether a refusal ends a wish for another unit. Others lead to a view where it can be asked for again. */
export const endsWish = (reason) => ['sold-out', 'ended', 'limit', 'unknown'].includes(reason);

/** Whether a later look at the sale may show that a refusal holds no more. */
export const mayPass = (reason) => ['sold-out', 'ended', 'insufficient', 'unreachable', 'unknown'].includes(reason);

/**
 * Whether an attempt that was found, after a reload, goes on by itself. An older one waits for the button. Both times
 * are the device's own: the server's is not known yet. Its clock may have been set meanwhile, back too.
 */
export const goesOn = (attempt, deviceNow) => attempt !== null && Math.abs(deviceNow - attempt.at) < 10 * 60_000;

/** The part of the queue's schedule that a position's turn is in. */
const segmentOf = (position, schedule) => schedule.findLast(({ after }) => after < position);

/**
 * When a position's turn begins; null while nobody is admitted (docs/fairness.md has the formula). The schedule forgets
 * turns that are over (admit.lua): of one before its first part, all that is known is that it began before that.
 */
export function turnOf(position, schedule) {
    const segment = segmentOf(position, schedule);
    if (!segment) return Date.parse(schedule[0].from);
    if (segment.paused) return null;
    return Date.parse(segment.from) + Math.ceil(((position - segment.after) * 1000) / segment.rate);
}

/**
 * Whether a server's time so much later than another means a clock that was set back in between: hardly any answer is
 * half a minute old when it arrives.
 */
const isSetBack = (ms) => ms < -30_000;

/** Whether an answer from a server's time so much later than another's is the one to believe. */
export const isLater = (ms) => ms >= 0 || isSetBack(ms);

/** Milliseconds by which one answer was composed later than another. */
export const msAfter = (one, other) => Date.parse(one.server_time) - Date.parse(other.server_time);

const isNewer = (one, other) => msAfter(one, other) > 0;

/**
 * The turn of a place: when it begins and ends, and how many people are ahead at this moment. By the newer of the
 * queue's page and what the place itself came with.
 */
export function turnOfPlace(place, queue, now) {
    const begins = place.turn_at === null ? null : Date.parse(place.turn_at);
    const ends = place.expires_at === null ? null : Date.parse(place.expires_at);
    const moved = queue && isNewer(queue, place) ? turnOf(place.position, queue.schedule) : begins;
    if (moved === null) return { begins: null, ends, ahead: place.ahead };
    return {
        begins: moved,
        ends: moved === begins ? ends : moved + queue.turn_window_seconds * 1000,
        ahead: queue ? aheadOf(place.position, moved, queue, now) : place.ahead,
    };
}

/** People who are admitted between now and a turn. Before the schedule's last part begins, nobody of it is. */
function aheadOf(position, begins, queue, now) {
    const segment = segmentOf(position, queue.schedule);
    if (!segment) return 0;
    const turnsBefore = Math.ceil(((begins - now) * segment.rate) / 1000) - 1;
    return Math.max(0, Math.min(turnsBefore, position - segment.after - 1));
}

/** Whether the queue has given fewer positions than this one, and later: it has been lost, and has begun again. */
export const isGone = (place, queue) =>
    isNewer(queue, place) && queue.admitted_through + queue.waiting < place.position;

/** Whether a place comes from a clock that was ahead: no page of the queue would count as newer for as long. */
export const isAhead = (place, queue) => isSetBack(msAfter(queue, place));

/** Whether nobody gets anything any more. */
export const hasEnded = (sale, now) => sale.state === 'ended' || (sale.closes_at && Date.parse(sale.closes_at) <= now);

/** The same, unless units come back. */
export const isOver = (sale, now) => sale.state === 'sold_out' || hasEnded(sale, now);

/**
 * Whether somebody has a place that may still get a turn, so that the queue has to be looked at too. A turn that was
 * missed counts: it begins again when a pause or a fence of the sale ends.
 */
export const dependsOnQueue = ({ sale, place, orders, buysAnother }) =>
    Boolean(sale?.queue) && place !== null && sale.state !== 'sold_out' && sale.state !== 'ended'
    && (orders.length === 0 || buysAnother);

/** How many units one person may still ask for. */
export function mayStillBuy(sale, orders) {
    const bought = orders.reduce((sum, { quantity }) => sum + quantity, 0);
    return Math.max(0, Math.min(sale.max_per_buyer - bought, sale.remaining));
}

/** Whether a buyer who has an order can ask for another unit. */
export const mayBuyAnother = (sale, orders, now) => !isOver(sale, now) && mayStillBuy(sale, orders) > 0;

/** Whether a buyer who has an order sees something else: they want another unit, and it may be had or be theirs. */
const seeksAnother = ({ sale, orders, buysAnother, openQuantity, refusal }, now) =>
    buysAnother && refusal?.reason !== 'unknown' && (openQuantity || !sale || mayBuyAnother(sale, orders, now));

/** Whether the server will take a login, as far as is known. */
export const isValid = (login, now) => Boolean(login) && login.endsAt > now;

/** A turn as long as the sale lets it be. */
function untilClosed(turn, sale) {
    const closes = Date.parse(sale.closes_at);
    return turn.ends > closes ? { ...turn, ends: closes } : turn;
}

/** The view of a buyer in the queue, or not yet in it. */
function viewInQueue({ sale, queue, place }, now) {
    if (!place) return { name: 'join' };
    const turn = untilClosed(turnOfPlace(place, queue, now), sale);
    if (place.state === 'missed') return { name: 'missed' };
    if (turn.begins === null) return { name: 'waiting', turn };
    if (now < turn.begins) return { name: 'waiting', at: turn.begins, turn };
    if (sale.state === 'paused') return { name: 'paused' };
    return now < turn.ends ? { name: 'buy', at: turn.ends, turn } : { name: 'missed' };
}

/**
 * The view to show; `at` is when it changes by itself, if that is known, and `turn` the buyer's, if there is one.
 *
 * `page` is what sale.js knows.
 */
export function view(page, now) {
    const { sale, orders, asking, refusal } = page;
    if (page.doubt) return { name: 'doubt' };
    if (asking) return { name: { buy: 'asking', join: 'joining', orders: 'looking' }[asking] };
    if (orders.length > 0 && !seeksAnother(page, now)) return { name: 'secured' };
    const inQueue = sale?.queue ? viewInQueue(page, now) : null;
    // Whoever has to log in still sees the turn of a place that is kept.
    if (refusal) return { name: refusal.reason, turn: inQueue?.turn };
    if (page.sales) return { name: 'sales' };
    if (!sale) return { name: 'loading' };
    const isOut = !isValid(page.login, now);
    const login = { name: 'login', turn: inQueue?.turn };
    if (isOut && page.openQuantity) return login;
    if (hasEnded(sale, now)) return { name: 'ended' };
    if (sale.state === 'sold_out') return { name: 'sold-out' };

    const opens = sale.opens_at ? Date.parse(sale.opens_at) : 0;
    if (isOut && (inQueue || now >= opens)) return login;
    if (inQueue) return inQueue;
    if (now < opens) return { name: 'scheduled', at: opens };
    return { name: sale.state === 'paused' ? 'paused' : 'buy' };
}

/** A span of time as 1:02:03 or 2:03; a part of a second counts as a second, so 0:00 means now. */
export function countdown(ms) {
    const seconds = Math.max(0, Math.ceil(ms / 1000));
    const two = (number) => String(number).padStart(2, '0');
    const hours = Math.floor(seconds / 3600);
    const minutes = Math.floor(seconds / 60) % 60;
    return `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(seconds % 60)}`;
}
