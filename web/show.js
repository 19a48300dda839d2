// Shows a view: its section of index.html, and what is known in the fields there.
import { countdown, isValid, mayBuyAnother, mayStillBuy } from './rules.js';

const all = (selector) => document.querySelectorAll(selector);
const root = document.documentElement;
const main = document.querySelector('main');
const warning = document.querySelector('[data-with="failing"]');
const sections = [...all('[data-view]')];
const quantity = document.querySelector('select[name="quantity"]');
const orderLine = document.querySelector('#order').content;
const saleLine = document.querySelector('#sale').content.firstElementChild;

const number = (value) => value.toLocaleString(root.lang);

function moment(ms) {
    const time = new Date(ms);
    const isToday = time.toDateString() === new Date().toDateString();
    return time.toLocaleString(root.lang, { timeStyle: 'medium', ...(isToday ? {} : { dateStyle: 'medium' }) });
}

function fill(name, text) {
    for (const element of all(`[data-field="${name}"]`)) if (element.textContent !== text) element.textContent = text;
}

function fillTime(name, ms) {
    fill(name, moment(ms));
    for (const element of all(`time[data-field="${name}"]`)) element.dateTime = new Date(ms).toISOString();
}

function fillOrders(orders) {
    const list = document.querySelector('[data-field="orders"]');
    if (list.children.length === orders.length) return;
    list.replaceChildren(...orders.map((order) => {
        const line = orderLine.cloneNode(true);
        const part = (name) => line.querySelector(`[data-part="${name}"]`);
        part('order').textContent = order.order;
        part('position').textContent = number(order.position);
        part('quantity').textContent = number(order.quantity);
        part('units').hidden = order.quantity === 1;
        part('time').textContent = moment(Date.parse(order.secured_at));
        part('time').dateTime = order.secured_at;
        return line;
    }));
}

/** Lists the sales. A line that is there already stays, with the focus if it has it. */
function fillSales(sales) {
    const list = document.querySelector('[data-field="sales"]');
    const before = [...list.children];
    const lines = sales.map(({ sale, title, state }) => {
        const href = `?sale=${sale}`;
        const line = before.find((known) => known.firstElementChild.getAttribute('href') === href)
            ?? saleLine.cloneNode(true);
        const name = line.firstElementChild;
        name.href = href;
        if (name.textContent !== title) name.textContent = title;
        line.lastElementChild.hidden = state !== 'ended';
        return line;
    });
    if (lines.length === before.length && lines.every((line, index) => line === before[index])) return;
    const focused = document.activeElement;
    list.replaceChildren(...lines);
    if (list.contains(focused)) focused.focus();
}

function link(name, href) {
    for (const element of all(`a[data-field="${name}"]`)) element.href = href;
}

/** Shows only those `data-with` elements whose condition holds. */
function showWith(holds) {
    for (const element of all('[data-with]')) element.hidden = !holds[element.dataset.with];
}

/** The quantity that the buyer had chosen, if so many can't be bought any more; otherwise 0. */
let chosenBefore = 0;
quantity.addEventListener('change', () => { chosenBefore = 0; });

/**
 * Offers 1 to `most` units; only `openQuantity`, if an attempt for so many may have won already. After a win the choice
 * begins anew.
 */
function offer(most, openQuantity, hasWon) {
    if (openQuantity || hasWon) chosenBefore = 0;
    const wanted = openQuantity ? [openQuantity] : Array.from({ length: most }, (_, index) => index + 1);
    if (wanted.length === quantity.options.length && String(wanted[0]) === quantity.options[0]?.value) return;
    const chosen = hasWon ? 1 : chosenBefore || Number(quantity.value);
    quantity.replaceChildren(...wanted.map((units) => new Option(number(units), units)));
    if (wanted.includes(chosen)) quantity.value = chosen;
    chosenBefore = wanted.includes(chosen) ? 0 : chosen;
}

/** What holds of the elements that are shown only with something. */
function conditions({ name, turn }, page, most, now) {
    const { sales, sale, login, orders, receipts, asking, reason, refusal, notice, openQuantity } = page;
    const opens = sale?.opens_at ? Date.parse(sale.opens_at) : 0;
    const isIn = isValid(login, now);
    const areSeen = receipts?.asked === orders.length && [null, 'none', 'gone'].includes(receipts.missing);
    const mayAct = !asking && name !== 'secured' && name !== 'doubt';
    return {
        'sale': sale, 'queue': sale?.queue, 'opens': opens > now, 'buyer': login, 'no-buyer': !login,
        'back': orders.length > 0 && mayAct, 'no-sales': sales?.length === 0,
        'failing': page.failures > 1 && (sales || sale) && mayAct,
        'logged-in': isIn, 'logged-out': !isIn, 'login-ends': isIn && login.endsAt <= (turn?.begins ?? opens),
        'login-link': root.dataset.login, 'place': turn, 'quantity': most > 1,
        'fewer': chosenBefore > most,
        'another': sale && isIn && !refusal && mayBuyAnother(sale, orders, now),
        'turn': turn && turn.begins !== null, 'no-turn': turn && turn.begins === null,
        'too-late': turn?.begins >= Date.parse(sale?.closes_at),
        'receipt': receipts?.texts.length, 'receipt-unseen': !areSeen,
        'trace': refusal?.trace, 'untold': refusal?.reason === 'unknown' && openQuantity,
        [`again-${reason}`]: true, [`notice-${notice}`]: true, [`receipt-${receipts?.missing}`]: true,
    };
}

/** Fills in what is known. */
function fields({ at, turn }, { path, sales, sale, place, login, doubt, orders, receipts, refusal }, now) {
    if (sale) {
        fill('title', sale.title);
        fill('stock', number(sale.stock));
        fill('remaining', number(sale.remaining));
        fillTime('seen', Date.parse(sale.server_time));
        if (sale.opens_at) fillTime('opens', Date.parse(sale.opens_at));
        if (sale.closes_at) fillTime('closes', Date.parse(sale.closes_at));
    }
    if (turn) {
        if (turn.begins !== null) fillTime('turn', turn.begins);
        if (turn.ends !== null) fillTime('expires', turn.ends);
        fill('position', number(place.position));
        fill('ahead', number(turn.ahead));
    }
    if (at) fill('countdown', countdown(at - now));
    fill('buyer', login?.buyer ?? '');
    fill('offered', doubt?.offered.buyer ?? '');
    fill('known', doubt?.known ?? '');
    fill('trace', refusal?.trace ?? '');
    fill('receipt', receipts?.texts.join('\n') ?? '');
    fillOrders(orders);
    fillSales(sales ?? []);
    link('ledger', `${path}/ledger`);
    link('queue', `${path}/queue`);
    link('login', root.dataset.login);
}

/** Shows the view, and says whether it is another than before. `page` is what sale.js knows. */
export function show(view, page, now) {
    const before = sections.find((section) => !section.hidden);
    const section = sections.find((section) => section.dataset.view === view.name);
    const focused = document.activeElement;
    const hadFocus = main.contains(focused);
    for (const other of sections) other.hidden = other !== section;
    const most = page.sale ? mayStillBuy(page.sale, page.orders) : 0;
    offer(most, page.openQuantity, view.name === 'secured');
    showWith(conditions(view, page, most, now));
    fields(view, page, now);
    fill('chosen', number(chosenBefore));
    fill('most', number(most));

    const headline = section.querySelector('h2');
    const title = page.sale ? `${headline.innerText} – ${page.sale.title}` : headline.innerText;
    if (document.title !== title) document.title = title;
    const reasons = [...section.querySelectorAll('[data-reason]:not([hidden])')];
    const news = [...(reasons.length > 0 ? reasons : [headline]), ...(warning.hidden ? [] : [warning])];
    fill('news', news.map((each) => each.dataset.news ?? each.innerText).join(' '));
    // The button that had it is gone.
    if (hadFocus && focused.getClientRects().length === 0) headline.focus();
    return before !== section;
}

/** Moves the focus to the receipts, which are read then: the button that had it is gone. */
export const focusReceipts = () => document.querySelector('[data-field="receipt"]').focus();
