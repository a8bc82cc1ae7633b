# A copy that is on its way to the cut worker itself counted as help.
seed 10293
acts 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19
acts 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39
acts 40 41 42 43 44 45 46 47 48 49
