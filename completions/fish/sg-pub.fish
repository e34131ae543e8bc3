# fish completion of sg-pub
# Written by "make completions".

complete -c sg-pub -s b -l broker -x -d 'broker, or several with commas'
complete -c sg-pub -s t -l topic -x -d 'for lines that carry none'
complete -c sg-pub -l src -x -d 'our name (user@host)'
complete -c sg-pub -l spool -x -a '(__fish_complete_directories)' -d 'store there until delivered'
complete -c sg-pub -l spool-size -x -d 'bytes of it at most (1G)'
complete -c sg-pub -s w -l timeout -x -d 'stop after DUR with status 124'
complete -c sg-pub -l retry -x -d 'give up without a broker (5s)'
complete -c sg-pub -l dead -r -F -d 'append bad lines to FILE'
complete -c sg-pub -l strict -d 'stop at the first bad line'
complete -c sg-pub -l ack-fd -x -d 'write numbers of safe lines there'
complete -c sg-pub -l ready-fd -x -d 'write a line there when connected'
complete -c sg-pub -l stats -d 'count on standard error at the end'
complete -c sg-pub -s q -l quiet -d 'say nothing but errors'
complete -c sg-pub -s v -l verbose -d 'say more'
complete -c sg-pub -s h -l help -d 'print this help'
complete -c sg-pub -s V -l version -d 'print the version'
