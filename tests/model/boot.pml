/* SPDX-License-Identifier: MIT */
/* The boot protocol as a model for SPIN: azboot, the record in two copies, installs, commits, rollbacks
 * and the floor, with a power cut possible after every step.
 *
 * Claims, as assertions: what is started is complete, verified and not below the floor; a trial is
 * started no more often than it has tries; unless somebody forced an install over the fallback, a slot
 * is always found; what the record names stands in its slot; and the floor locks out no committed slot.
 *
 * BREAK is one mistake, which must be found: 1 the record is stored after the hand-over, 2 the record
 * says too late that a slot is empty, 3 the header comes before the image, 4 the record is written in
 * place, 5 the floor does not look at the other slot, 6 a try is not spent, 7 the fallback may be
 * overwritten before the commit. */
#ifndef BREAK
#define BREAK 0
#endif

#define EMPTY 0
#define STAGED 1
#define TRYING 2
#define GOOD 3
#define BAD 4
#define NONE 2

#define TRIES 2 /* three in the product: one less makes the same cases */
#define FAILS 2
#define FAILS_MAX 3
#define VERSIONS 2 /* security versions 1 and 2 */

typedef record {
	bit valid;
	byte state[2];
	bit preferred; /* the slot of higher priority */
	byte tries[2];
	byte fails[2];
	byte security[2];
	byte request;
}

record copies[2]; /* on the medium */
bit newer;        /* which of them has the higher sequence */
record now;       /* in memory */

bit image[2];     /* on the medium: root image and UKI are complete */
bit header[2];
byte security[2]; /* of what stands in the slot */
bit sick[2];      /* never gets healthy */
byte floor;

byte running = NONE;
byte starts[2]; /* of a trial, since it was activated */
bit forced_over; /* the fallback was given up by force */

#define on_trial(s) (now.state[s] == TRYING && now.tries[s] > 0)
#define spent(s) (now.state[s] == TRYING && now.tries[s] == 0)
#define bootable(s) (on_trial(s) || now.state[s] == GOOD)
#define healthy(s) (on_trial(s) || (now.state[s] == GOOD && now.fails[s] < FAILS))
#define committed(s) (now.state[s] == GOOD && now.fails[s] == 0)

inline copy_record(to, from)
{
	to.state[0] = from.state[0];
	to.state[1] = from.state[1];
	to.preferred = from.preferred;
	to.tries[0] = from.tries[0];
	to.tries[1] = from.tries[1];
	to.fails[0] = from.fails[0];
	to.fails[1] = from.fails[1];
	to.security[0] = from.security[0];
	to.security[1] = from.security[1];
	to.request = from.request
}

/* A copy that is being written is not valid until it is there. */
inline store()
{
	d_step {
#if BREAK == 4
		target = newer;
#else
		target = 1 - newer;
#endif
		copies[target].valid = 0
	}
	if
	:: goto power
	:: skip
	fi;
	d_step {
		copy_record(copies[target], now);
		copies[target].valid = 1;
		newer = target
	}
}

inline load()
{
	d_step {
		assert(copies[0].valid || copies[1].valid);
		if
		:: copies[newer].valid -> copy_record(now, copies[newer])
		:: else -> copy_record(now, copies[1 - newer]); newer = 1 - newer
		fi;
		assert(now.state[0] == EMPTY || now.state[0] == BAD || (header[0] && image[0]));
		assert(now.state[1] == EMPTY || now.state[1] == BAD || (header[1] && image[1]))
	}
}

/* As slot_choose(): healthy ones by priority, then the good one that failed less, then one out of
 * tries. */
inline choose()
{
	d_step {
		other = 1 - now.preferred;
		choice = NONE;
		if
		:: excluded != now.preferred && healthy(now.preferred) -> choice = now.preferred
		:: else ->
			if
			:: excluded != other && healthy(other) -> choice = other
			:: else ->
				if
				:: excluded != now.preferred && bootable(now.preferred) &&
				   !(excluded != other && bootable(other) &&
				     now.fails[other] < now.fails[now.preferred]) ->
					choice = now.preferred
				:: else ->
					if
					:: excluded != other && bootable(other) -> choice = other
					:: else
					fi
				fi
			fi
		fi;
		if
		:: choice == NONE && excluded != other && spent(other) &&
		   now.fails[other] < FAILS_MAX -> choice = other
		:: else
		fi;
		if
		:: (choice == NONE || (spent(choice) && now.fails[now.preferred] <
		    now.fails[choice])) && excluded != now.preferred && spent(now.preferred) &&
		   now.fails[now.preferred] < FAILS_MAX -> choice = now.preferred
		:: else
		fi;
		if
		:: choice == NONE || !spent(choice) ->
			if
			:: spent(0) && now.state[1] == GOOD -> now.state[0] = BAD
			:: else
			fi;
			if
			:: spent(1) && now.state[0] == GOOD -> now.state[1] = BAD
			:: else
			fi
		:: else
		fi;
		if
		:: choice == NONE
		:: else ->
			if
			:: now.state[choice] == TRYING && now.tries[choice] > 0 ->
				now.tries[choice] = now.tries[choice] - (BREAK != 6)
			:: now.state[choice] == TRYING && now.tries[choice] == 0 &&
			   now.fails[choice] < FAILS_MAX -> now.fails[choice]++
			:: now.state[choice] == GOOD && now.fails[choice] < FAILS_MAX ->
				now.fails[choice]++
			:: else
			fi
		fi;
		other = 0
	}
}

#define lower(a, b) ((a) < (b) -> (a) : (b))

inline raise_floor()
{
	d_step {
		wanted = lower(now.request, security[choice]);
#if BREAK != 5
		if
		:: bootable(0) -> wanted = lower(wanted, now.security[0])
		:: else
		fi;
		if
		:: bootable(1) -> wanted = lower(wanted, now.security[1])
		:: else
		fi;
#endif
		if
		:: now.state[choice] == GOOD && wanted > floor -> floor = wanted
		:: else
		fi;
		wanted = 0;
		assert(now.state[0] != GOOD || now.security[0] >= floor);
		assert(now.state[1] != GOOD || now.security[1] >= floor)
	}
}

inline install(slot)
{
	d_step {
		if
		:: BREAK != 7 && now.state[slot] == GOOD && !committed(running) -> forced_over = 1
		:: else
		fi;
		if
		:: now.preferred == slot -> now.preferred = 1 - slot
		:: else
		fi;
		now.state[slot] = EMPTY;
		now.fails[slot] = 0;
		now.tries[slot] = 0;
		now.security[slot] = 0
	}
#if BREAK != 2
	store();
#endif
	header[slot] = 0;
	if
	:: goto power
	:: skip
	fi;
#if BREAK == 3
	header[slot] = 1;
	now.state[slot] = STAGED;
	store();
#endif
	image[slot] = 0;
	if
	:: goto power
	:: skip
	fi;
	d_step {
		image[slot] = 1;
		security[slot] = 1 + ((security[slot] + 1) % VERSIONS)
	}
	if
	:: sick[slot] = 1
	:: sick[slot] = 0
	fi;
	header[slot] = 1;
	if
	:: goto power
	:: skip
	fi;
	d_step {
		now.state[slot] = STAGED;
		now.security[slot] = security[slot]
	}
	store()
}

inline activate(slot)
{
	d_step {
		if
		:: now.state[slot] != GOOD -> now.state[slot] = TRYING; now.tries[slot] = TRIES
		:: else
		fi;
		now.fails[slot] = 0;
		now.preferred = slot
	}
	store();
	starts[slot] = 0
}

inline commit()
{
	d_step {
		now.state[running] = GOOD;
		now.tries[running] = 0;
		now.fails[running] = 0;
		now.request = security[running]
	}
	if
	:: now.state[1 - running] != EMPTY && now.security[1 - running] < security[running] ->
		now.state[1 - running] = BAD /* revoked */
	:: skip
	fi;
	store()
}

/* What one boot does, up to the next time that power fails or somebody reboots. */
active proctype machine()
{
	byte choice = NONE, excluded = NONE, wanted = 0;
	bit target = 0, other = 0;

	d_step {
		copies[0].valid = 1;
		copies[0].state[0] = GOOD;
		copies[0].security[0] = 1;
		image[0] = 1;
		header[0] = 1;
		security[0] = 1
	}

power:
	skip;
	d_step {
		running = NONE;
		excluded = NONE;
		choice = NONE;
		wanted = 0
	}
	load();
again:
	skip;
	choose();
	if
	:: choice == NONE -> assert(forced_over); goto dead
	:: else
	fi;
#if BREAK != 1
	store();
#endif
	if
	:: !header[choice] || security[choice] < floor ->
		/* It does not verify, or is revoked: the other one, in the same boot. */
		d_step {
			if
			:: now.state[choice] == TRYING -> now.state[choice] = BAD; now.tries[choice] = 0
			:: else
			fi
		}
		if
		:: excluded == NONE -> excluded = choice; goto again
		:: else -> assert(forced_over); goto dead
		fi
	:: else
	fi;
	raise_floor();
	d_step {
		running = choice;
		assert(header[running] && image[running] && security[running] >= floor);
		if
		:: now.state[running] == TRYING && now.fails[running] == 0 -> starts[running]++
		:: else
		fi;
		assert(starts[running] <= TRIES || now.state[running] != TRYING);
		excluded = NONE;
		choice = NONE
	}
#if BREAK == 1
	if
	:: goto power
	:: skip
	fi;
	store();
#endif

system:
	if
	:: goto power /* a hang, a reboot, a power cut */
	:: !sick[running] && !committed(running) -> commit(); goto system
	:: committed(running) -> install(1 - running); goto system
	:: !committed(running) && !forced_over -> install(1 - running); goto system /* by force */
	:: now.state[1 - running] == STAGED || now.state[1 - running] == GOOD ->
		activate(1 - running);
		goto system
	fi;

dead:
	skip
}
