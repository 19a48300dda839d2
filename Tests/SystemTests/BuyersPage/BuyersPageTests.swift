import Testing

/// The delivered page in a real browser, through the delivered nginx. One browser at a time: each takes a core.
@Suite(.serialized) enum `The buyers' page` {}
