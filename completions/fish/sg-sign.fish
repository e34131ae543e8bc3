# fish completion of sg-sign
# Written by "make completions".

complete -c sg-sign -s k -l key -r -F -d 'key file of who this program is'
complete -c sg-sign -l trust -x -a '(__fish_complete_directories)' -d 'the network\'s folder of certificates'
complete -c sg-sign -l pass-fd -x -d 'read the key\'s passphrase from this descriptor'
complete -c sg-sign -s j -l jobs -x -d 'threads (one per processor)'
complete -c sg-sign -l seal -d 'one signature for up to 1024 events'
complete -c sg-sign -l heartbeat -x -d 'a signed sign of life at least that often'
complete -c sg-sign -l minisign -d 'sign files: FILE.minisig of each'
complete -c sg-sign -l dead -r -F -d 'append bad lines to FILE'
complete -c sg-sign -l strict -d 'stop at the first bad line'
complete -c sg-sign -l stats -d 'count on standard error at the end'
complete -c sg-sign -s q -l quiet -d 'say nothing but errors'
complete -c sg-sign -s v -l verbose -d 'say more'
complete -c sg-sign -s h -l help -d 'print this help'
complete -c sg-sign -s V -l version -d 'print the version'
