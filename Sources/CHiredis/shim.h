// hiredis needs no shim: Swift imports the Argv and Formatted calls; it can't import the variadic ones, and we don't
// use them.
#include <hiredis/hiredis.h>
#include <hiredis/async.h>
