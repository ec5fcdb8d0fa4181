/*-------------------------------------------------------------------------
 *
 * background.c
 *	  What maintenance workers and the code that they run tell each other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/background.h"

volatile	sig_atomic_t background_check_due = false;
void		(*background_check_hook) (void) = NULL;
void		(*background_wanted_hook) (Relation index) = NULL;
