# fish completion of sg-open
# Written by "make completions".

complete -c sg-open -s k -l key -r -F -d 'key file of who this program is'
complete -c sg-open -l trust -x -a '(__fish_complete_directories)' -d 'the network\'s folder of certificates'
complete -c sg-open -l pass-fd -x -d 'read the key\'s passphrase from this descriptor'
complete -c sg-open -l keep -d 'pass on what is not opened'
complete -c sg-open -l hold -x -d 'events to keep until their key comes (16M)'
complete -c sg-open -l dead -r -F -d 'append refused lines to FILE'
complete -c sg-open -l strict -d 'stop at the first refused line'
complete -c sg-open -l stats -d 'say what was done at the end'
complete -c sg-open -s q -l quiet -d 'say nothing but errors'
complete -c sg-open -s v -l verbose -d 'say more'
complete -c sg-open -s h -l help -d 'print this help'
complete -c sg-open -s V -l version -d 'print the version'
