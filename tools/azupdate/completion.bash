# SPDX-License-Identifier: MIT
# Completion of azupdate(1) for bash.
_azupdate() {
	local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}

	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W 'status check update why hold unhold approve history install activate rollback verify repair health
			mark-good mark-bad cancel tpm attest store etc --help --version' -- "$word")
		return
	fi
	case "$command:$word" in
	update:-*)   mapfile -t COMPREPLY < <(compgen -W '--automatic --reboot --progress= --json --help' -- "$word") ;;
	check:-*)    mapfile -t COMPREPLY < <(compgen -W '--progress= --json --help' -- "$word") ;;
	hold:-*)     mapfile -t COMPREPLY < <(compgen -W '--until= --for= --reason= --json --help' -- "$word") ;;
	install:-*)  mapfile -t COMPREPLY < <(compgen -W '--plan --force --accept-expired --no-activate --no-wait --progress= --json --help' -- "$word") ;;
	verify:-*)   mapfile -t COMPREPLY < <(compgen -W '--all --progress= --json --help' -- "$word") ;;
	repair:-*)   mapfile -t COMPREPLY < <(compgen -W '--progress= --json --help' -- "$word") ;;
	health:-*)   mapfile -t COMPREPLY < <(compgen -W '--act --progress= --json --help' -- "$word") ;;
	tpm:-*)      mapfile -t COMPREPLY < <(compgen -W '--pin --pin-file= --recovery-key-file= --json --help' -- "$word") ;;
	mark-bad:-*) mapfile -t COMPREPLY < <(compgen -W '--reason --json --help' -- "$word") ;;
	rollback:-*) mapfile -t COMPREPLY < <(compgen -W '--to= --etc --keep-etc --json --help' -- "$word") ;;
	attest:-*)   mapfile -t COMPREPLY < <(compgen -W '--nonce= --output= --json --help' -- "$word") ;;
	*:-*)        mapfile -t COMPREPLY < <(compgen -W '--json --help' -- "$word") ;;
	install:*)   mapfile -t COMPREPLY < <(compgen -f -X '!*.azb' -- "$word"; compgen -d -- "$word") ;;
	tpm:*)       mapfile -t COMPREPLY < <(compgen -W 'status enroll' -- "$word") ;;
	health:*)    mapfile -t COMPREPLY < <(compgen -W 'run list show hold unhold' -- "$word") ;;
	etc:*)       mapfile -t COMPREPLY < <(compgen -W 'list diff save restore' -- "$word") ;;
	store:*)     mapfile -t COMPREPLY < <(compgen -W 'list add prune check restore' -- "$word") ;;
	health:*)    mapfile -t COMPREPLY < <(compgen -W 'run show' -- "$word") ;;
	repair:*)    mapfile -t COMPREPLY < <(compgen -W 'a b' -- "$word"; compgen -f -X '!*.azb' -- "$word") ;;
	activate:*|mark-good:*|mark-bad:*|verify:*) mapfile -t COMPREPLY < <(compgen -W 'a b' -- "$word") ;;
	esac
}
complete -o filenames -F _azupdate azupdate
