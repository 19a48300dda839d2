// hiredis as it is: the Argv and Formatted calls need no shim, the variadic ones are invisible to Swift and unused.
#include <hiredis/hiredis.h>
#include <hiredis/async.h>
