# SPDX-License-Identifier: MIT
# Completion of azupdate(1) for bash.
_azupdate() {
	local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}

	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W 'status install activate rollback health mark-good
			mark-bad cancel --help --version' -- "$word")
		return
	fi
	case "$command:$word" in
	install:-*)  mapfile -t COMPREPLY < <(compgen -W '--force --no-activate --no-wait --json --help' -- "$word") ;;
	health:-*)   mapfile -t COMPREPLY < <(compgen -W '--act --json --help' -- "$word") ;;
	mark-bad:-*) mapfile -t COMPREPLY < <(compgen -W '--reason --json --help' -- "$word") ;;
	*:-*)        mapfile -t COMPREPLY < <(compgen -W '--json --help' -- "$word") ;;
	install:*)   mapfile -t COMPREPLY < <(compgen -f -X '!*.azb' -- "$word"; compgen -d -- "$word") ;;
	health:*)    mapfile -t COMPREPLY < <(compgen -W 'run show' -- "$word") ;;
	activate:*|mark-good:*|mark-bad:*) mapfile -t COMPREPLY < <(compgen -W 'a b' -- "$word") ;;
	esac
}
complete -o filenames -F _azupdate azupdate
