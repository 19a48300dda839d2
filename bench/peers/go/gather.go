package main

// batchMax is the default of SALE_BATCH_MAX.
const batchMax = 512

// gather decides like sale-api: while a call is in flight the next batch gathers, and batches follow one another.
func (d *Decider) gather(arriving <-chan *Press) {
	waiting := map[string][]*Press{}
	take := func(press *Press) { waiting[press.sale] = append(waiting[press.sale], press) }
	for press := range arriving {
		take(press)
		for len(waiting) > 0 {
			takeAll(arriving, take)
			for sale, presses := range waiting {
				batch := presses[:min(len(presses), batchMax)]
				if len(batch) == len(presses) {
					delete(waiting, sale)
				} else {
					waiting[sale] = presses[len(batch):]
				}
				d.decide(batch)
			}
		}
	}
}

func takeAll(arriving <-chan *Press, take func(*Press)) {
	for {
		select {
		case press := <-arriving:
			take(press)
		default:
			return
		}
	}
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}
