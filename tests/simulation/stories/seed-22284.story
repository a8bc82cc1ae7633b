# w1.1 still holds ['c2-data-7'], runs [] and knows ['c2-data-7'] [36]
seed 22284
acts 6 7 8 18

# What happened:
# ... 3347 lines before
# 496.2580 c3 > scheduler       sequence: 498 acknowledged: 159 heartbeat: true
# 496.6373 spare1 > scheduler   sequence: 413 acknowledged: 412 heartbeat { status: WORKER_STATUS_RUNNING }
# 496.6381 scheduler > spare1   sequence: 413 acknowledged: 413
# 496.8844 w1 > scheduler       sequence: 472 acknowledged: 471 heartbeat { status: WORKER_STATUS_RUNNING }
# 496.8891 scheduler > w1       sequence: 472 acknowledged: 472
# 497.1544 c2 > scheduler       sequence: 508 acknowledged: 168 heartbeat: true
# 497.2580 c3 > scheduler       sequence: 499 acknowledged: 159 heartbeat: true
# 497.6373 spare1 > scheduler   sequence: 414 acknowledged: 413 heartbeat { status: WORKER_STATUS_RUNNING }
# 497.7120 scheduler > spare1   sequence: 414 acknowledged: 414
# 497.8844 w1 > scheduler       sequence: 473 acknowledged: 472 heartbeat { status: WORKER_STATUS_RUNNING }
# 497.9729 scheduler > w1       sequence: 473 acknowledged: 473
# 498.1544 c2 > scheduler       sequence: 509 acknowledged: 168 heartbeat: true
# 498.2580 c3 > scheduler       sequence: 500 acknowledged: 159 heartbeat: true
# 498.6373 spare1 > scheduler   sequence: 415 acknowledged: 414 heartbeat { status: WORKER_STATUS_RUNNING }
# 498.8844 w1 > scheduler       sequence: 474 acknowledged: 473 heartbeat { status: WORKER_STATUS_RUNNING }
# 498.8845 scheduler > w1       sequence: 474 acknowledged: 474
# 499.1544 c2 > scheduler       sequence: 510 acknowledged: 168 heartbeat: true
# 499.2233 scheduler > spare1   sequence: 415 acknowledged: 415
# 499.2580 c3 > scheduler       sequence: 501 acknowledged: 159 heartbeat: true
# 499.6373 spare1 > scheduler   sequence: 416 acknowledged: 415 heartbeat { status: WORKER_STATUS_RUNNING }
# 499.7601 scheduler > spare1   sequence: 416 acknowledged: 416
# 499.8844 w1 > scheduler       sequence: 475 acknowledged: 474 heartbeat { status: WORKER_STATUS_RUNNING }
# 499.9519 scheduler > w1       sequence: 475 acknowledged: 475
# 500.1544 c2 > scheduler       sequence: 511 acknowledged: 168 heartbeat: true
# 500.2580 c3 > scheduler       sequence: 502 acknowledged: 159 heartbeat: true
# 500.6373 spare1 > scheduler   sequence: 417 acknowledged: 416 heartbeat { status: WORKER_STATUS_RUNNING }
# 500.6584 scheduler > spare1   sequence: 417 acknowledged: 417
# 500.8844 w1 > scheduler       sequence: 476 acknowledged: 475 heartbeat { status: WORKER_STATUS_RUNNING }
# 500.8854 scheduler > w1       sequence: 476 acknowledged: 476
# 501.1544 c2 > scheduler       sequence: 512 acknowledged: 168 heartbeat: true
# 501.2580 c3 > scheduler       sequence: 503 acknowledged: 159 heartbeat: true
# 501.6373 spare1 > scheduler   sequence: 418 acknowledged: 417 heartbeat { status: WORKER_STATUS_RUNNING }
# 501.6376 scheduler > spare1   sequence: 418 acknowledged: 418
# 501.8844 w1 > scheduler       sequence: 477 acknowledged: 476 heartbeat { status: WORKER_STATUS_RUNNING }
# 501.8845 scheduler > w1       sequence: 477 acknowledged: 477
# 502.1544 c2 > scheduler       sequence: 513 acknowledged: 168 heartbeat: true
# 502.2580 c3 > scheduler       sequence: 504 acknowledged: 159 heartbeat: true
# 502.6373 spare1 > scheduler   sequence: 419 acknowledged: 418 heartbeat { status: WORKER_STATUS_RUNNING }
# 502.6383 scheduler > spare1   sequence: 419 acknowledged: 419
# 502.8844 w1 > scheduler       sequence: 478 acknowledged: 477 heartbeat { status: WORKER_STATUS_RUNNING }
# 502.8873 scheduler > w1       sequence: 478 acknowledged: 478
# 503.1544 c2 > scheduler       sequence: 514 acknowledged: 168 heartbeat: true
# 503.2580 c3 > scheduler       sequence: 505 acknowledged: 159 heartbeat: true
# 503.6373 spare1 > scheduler   sequence: 420 acknowledged: 419 heartbeat { status: WORKER_STATUS_RUNNING }
# 503.8581 scheduler > spare1   sequence: 420 acknowledged: 420
# 503.8844 w1 > scheduler       sequence: 479 acknowledged: 478 heartbeat { status: WORKER_STATUS_RUNNING }
# 504.1544 c2 > scheduler       sequence: 515 acknowledged: 168 heartbeat: true
# 504.2580 c3 > scheduler       sequence: 506 acknowledged: 159 heartbeat: true
# 504.6373 spare1 > scheduler   sequence: 421 acknowledged: 420 heartbeat { status: WORKER_STATUS_RUNNING }
# 504.8133 scheduler > w1       sequence: 479 acknowledged: 479
# 504.8844 w1 > scheduler       sequence: 480 acknowledged: 478 heartbeat { status: WORKER_STATUS_RUNNING }
# 504.9009 scheduler > w1       sequence: 480 acknowledged: 480
# 505.1544 c2 > scheduler       sequence: 516 acknowledged: 168 heartbeat: true
# 505.2580 c3 > scheduler       sequence: 507 acknowledged: 159 heartbeat: true
# 505.4372 scheduler > spare1   sequence: 421 acknowledged: 421
# 505.6373 spare1 > scheduler   sequence: 422 acknowledged: 421 heartbeat { status: WORKER_STATUS_RUNNING }
# 505.8844 w1 > scheduler       sequence: 481 acknowledged: 480 heartbeat { status: WORKER_STATUS_RUNNING }
# 505.9563 scheduler > spare1   sequence: 422 acknowledged: 422
# 506.0790 scheduler > w1       sequence: 481 acknowledged: 481
# 506.1544 c2 > scheduler       sequence: 517 acknowledged: 168 heartbeat: true
# 506.2580 c3 > scheduler       sequence: 508 acknowledged: 159 heartbeat: true
# 506.6373 spare1 > scheduler   sequence: 423 acknowledged: 422 heartbeat { status: WORKER_STATUS_RUNNING }
# 506.6728 scheduler > spare1   sequence: 423 acknowledged: 423
# 506.8844 w1 > scheduler       sequence: 482 acknowledged: 481 heartbeat { status: WORKER_STATUS_RUNNING }
# 506.8848 scheduler > w1       sequence: 482 acknowledged: 482
# 507.1544 c2 > scheduler       sequence: 518 acknowledged: 168 heartbeat: true
# 507.2580 c3 > scheduler       sequence: 509 acknowledged: 159 heartbeat: true
# 507.6373 spare1 > scheduler   sequence: 424 acknowledged: 423 heartbeat { status: WORKER_STATUS_RUNNING }
# 507.6593 scheduler > spare1   sequence: 424 acknowledged: 424
# 507.8844 w1 > scheduler       sequence: 483 acknowledged: 482 heartbeat { status: WORKER_STATUS_RUNNING }
# 507.9248 scheduler > w1       sequence: 483 acknowledged: 483
# 508.1544 c2 > scheduler       sequence: 519 acknowledged: 168 heartbeat: true
# 508.2580 c3 > scheduler       sequence: 510 acknowledged: 159 heartbeat: true
# 508.6373 spare1 > scheduler   sequence: 425 acknowledged: 424 heartbeat { status: WORKER_STATUS_RUNNING }
# 508.8844 w1 > scheduler       sequence: 484 acknowledged: 483 heartbeat { status: WORKER_STATUS_RUNNING }
# 509.1544 c2 > scheduler       sequence: 520 acknowledged: 168 heartbeat: true
# 509.2580 c3 > scheduler       sequence: 511 acknowledged: 159 heartbeat: true
# 509.3961 scheduler > spare1   sequence: 425 acknowledged: 425
# 509.6373 spare1 > scheduler   sequence: 426 acknowledged: 424 heartbeat { status: WORKER_STATUS_RUNNING }
# 509.6453 scheduler > spare1   sequence: 426 acknowledged: 426
# 509.7117 scheduler > w1       sequence: 484 acknowledged: 484
# 509.8844 w1 > scheduler       sequence: 485 acknowledged: 483 heartbeat { status: WORKER_STATUS_RUNNING }
# 510.1009 scheduler > w1       sequence: 485 acknowledged: 485
# 510.1544 c2 > scheduler       sequence: 521 acknowledged: 168 heartbeat: true
# 510.2580 c3 > scheduler       sequence: 512 acknowledged: 159 heartbeat: true
# 510.6373 spare1 > scheduler   sequence: 427 acknowledged: 426 heartbeat { status: WORKER_STATUS_RUNNING }
# 510.8844 w1 > scheduler       sequence: 486 acknowledged: 485 heartbeat { status: WORKER_STATUS_RUNNING }
# 511.1176 scheduler > spare1   sequence: 427 acknowledged: 427
# 511.1544 c2 > scheduler       sequence: 522 acknowledged: 168 heartbeat: true
# 511.2580 c3 > scheduler       sequence: 513 acknowledged: 159 heartbeat: true
# 511.6284 scheduler > w1       sequence: 486 acknowledged: 486
# 511.6373 spare1 > scheduler   sequence: 428 acknowledged: 427 heartbeat { status: WORKER_STATUS_RUNNING }
# 511.8844 w1 > scheduler       sequence: 487 acknowledged: 486 heartbeat { status: WORKER_STATUS_RUNNING }
# 512.1544 c2 > scheduler       sequence: 523 acknowledged: 168 heartbeat: true
# 512.2580 c3 > scheduler       sequence: 514 acknowledged: 159 heartbeat: true
# 512.3697 scheduler > w1       sequence: 487 acknowledged: 487
# 512.4753 scheduler > spare1   sequence: 428 acknowledged: 428
# 512.6373 spare1 > scheduler   sequence: 429 acknowledged: 428 heartbeat { status: WORKER_STATUS_RUNNING }
# 512.7619 scheduler > spare1   sequence: 429 acknowledged: 429
# 512.8844 w1 > scheduler       sequence: 488 acknowledged: 487 heartbeat { status: WORKER_STATUS_RUNNING }
# 512.9013 scheduler > w1       sequence: 488 acknowledged: 488
# 513.1544 c2 > scheduler       sequence: 524 acknowledged: 168 heartbeat: true
# 513.2580 c3 > scheduler       sequence: 515 acknowledged: 159 heartbeat: true
# 513.6373 spare1 > scheduler   sequence: 430 acknowledged: 429 heartbeat { status: WORKER_STATUS_RUNNING }
# 513.7484 scheduler > spare1   sequence: 430 acknowledged: 430
# 513.8844 w1 > scheduler       sequence: 489 acknowledged: 488 heartbeat { status: WORKER_STATUS_RUNNING }
# 513.9267 scheduler > w1       sequence: 489 acknowledged: 489
# 514.1544 c2 > scheduler       sequence: 525 acknowledged: 168 heartbeat: true
# 514.2580 c3 > scheduler       sequence: 516 acknowledged: 159 heartbeat: true
# 514.6373 spare1 > scheduler   sequence: 431 acknowledged: 430 heartbeat { status: WORKER_STATUS_RUNNING }
# 514.8844 w1 > scheduler       sequence: 490 acknowledged: 489 heartbeat { status: WORKER_STATUS_RUNNING }
# 514.9084 scheduler > w1       sequence: 490 acknowledged: 490
# 515.1544 c2 > scheduler       sequence: 526 acknowledged: 168 heartbeat: true
# 515.2580 c3 > scheduler       sequence: 517 acknowledged: 159 heartbeat: true
# 515.4481 scheduler > spare1   sequence: 431 acknowledged: 431
# 515.6373 spare1 > scheduler   sequence: 432 acknowledged: 431 heartbeat { status: WORKER_STATUS_RUNNING }
# 515.6375 scheduler > spare1   sequence: 432 acknowledged: 432
# 515.8844 w1 > scheduler       sequence: 491 acknowledged: 490 heartbeat { status: WORKER_STATUS_RUNNING }
# 516.0090 scheduler > w1       sequence: 491 acknowledged: 491
# 516.1544 c2 > scheduler       sequence: 527 acknowledged: 168 heartbeat: true
# 516.2580 c3 > scheduler       sequence: 518 acknowledged: 159 heartbeat: true
# 516.6373 spare1 > scheduler   sequence: 433 acknowledged: 432 heartbeat { status: WORKER_STATUS_RUNNING }
# 516.8844 w1 > scheduler       sequence: 492 acknowledged: 491 heartbeat { status: WORKER_STATUS_RUNNING }
# 517.1212 scheduler > spare1   sequence: 433 acknowledged: 433
# 517.1544 c2 > scheduler       sequence: 528 acknowledged: 168 heartbeat: true
# 517.2580 c3 > scheduler       sequence: 519 acknowledged: 159 heartbeat: true
# 517.6373 spare1 > scheduler   sequence: 434 acknowledged: 433 heartbeat { status: WORKER_STATUS_RUNNING }
# 517.6846 scheduler > spare1   sequence: 434 acknowledged: 434
# 517.8715 scheduler > w1       sequence: 492 acknowledged: 492
# 517.8844 w1 > scheduler       sequence: 493 acknowledged: 491 heartbeat { status: WORKER_STATUS_RUNNING }
# 518.0765 scheduler > w1       sequence: 493 acknowledged: 493
# 518.1544 c2 > scheduler       sequence: 529 acknowledged: 168 heartbeat: true
# 518.2580 c3 > scheduler       sequence: 520 acknowledged: 159 heartbeat: true
# 518.6373 spare1 > scheduler   sequence: 435 acknowledged: 434 heartbeat { status: WORKER_STATUS_RUNNING }
# 518.8095 scheduler > spare1   sequence: 435 acknowledged: 435
# 518.8844 w1 > scheduler       sequence: 494 acknowledged: 493 heartbeat { status: WORKER_STATUS_RUNNING }
# 519.1544 c2 > scheduler       sequence: 530 acknowledged: 168 heartbeat: true
# 519.2382 scheduler > w1       sequence: 494 acknowledged: 494
# 519.2580 c3 > scheduler       sequence: 521 acknowledged: 159 heartbeat: true
# 519.6373 spare1 > scheduler   sequence: 436 acknowledged: 435 heartbeat { status: WORKER_STATUS_RUNNING }
# 519.6390 scheduler > spare1   sequence: 436 acknowledged: 436
# 519.8844 w1 > scheduler       sequence: 495 acknowledged: 494 heartbeat { status: WORKER_STATUS_RUNNING }
# 520.1287 scheduler > w1       sequence: 495 acknowledged: 495
# 520.1544 c2 > scheduler       sequence: 531 acknowledged: 168 heartbeat: true
# 520.2580 c3 > scheduler       sequence: 522 acknowledged: 159 heartbeat: true
# 520.6373 spare1 > scheduler   sequence: 437 acknowledged: 436 heartbeat { status: WORKER_STATUS_RUNNING }
# 520.6388 scheduler > spare1   sequence: 437 acknowledged: 437
# 520.8844 w1 > scheduler       sequence: 496 acknowledged: 495 heartbeat { status: WORKER_STATUS_RUNNING }
# 521.1544 c2 > scheduler       sequence: 532 acknowledged: 168 heartbeat: true
# 521.2580 c3 > scheduler       sequence: 523 acknowledged: 159 heartbeat: true
# 521.4773 scheduler > w1       sequence: 496 acknowledged: 496
# 521.6373 spare1 > scheduler   sequence: 438 acknowledged: 437 heartbeat { status: WORKER_STATUS_RUNNING }
# 521.8615 scheduler > spare1   sequence: 438 acknowledged: 438
# 521.8844 w1 > scheduler       sequence: 497 acknowledged: 496 heartbeat { status: WORKER_STATUS_RUNNING }
# 522.1544 c2 > scheduler       sequence: 533 acknowledged: 168 heartbeat: true
# 522.2580 c3 > scheduler       sequence: 524 acknowledged: 159 heartbeat: true
# 522.6345 scheduler > w1       sequence: 497 acknowledged: 497
# 522.6373 spare1 > scheduler   sequence: 439 acknowledged: 438 heartbeat { status: WORKER_STATUS_RUNNING }
# 522.6414 scheduler > spare1   sequence: 439 acknowledged: 439
# 522.8844 w1 > scheduler       sequence: 498 acknowledged: 496 heartbeat { status: WORKER_STATUS_RUNNING }
# 523.1483 scheduler > w1       sequence: 498 acknowledged: 498
# 523.1544 c2 > scheduler       sequence: 534 acknowledged: 168 heartbeat: true
# 523.2580 c3 > scheduler       sequence: 525 acknowledged: 159 heartbeat: true
# 523.6373 spare1 > scheduler   sequence: 440 acknowledged: 439 heartbeat { status: WORKER_STATUS_RUNNING }
# 523.6374 scheduler > spare1   sequence: 440 acknowledged: 440
# 523.8844 w1 > scheduler       sequence: 499 acknowledged: 497 heartbeat { status: WORKER_STATUS_RUNNING }
# 523.9090 scheduler > w1       sequence: 499 acknowledged: 499
# 524.1544 c2 > scheduler       sequence: 535 acknowledged: 168 heartbeat: true
# 524.2580 c3 > scheduler       sequence: 526 acknowledged: 159 heartbeat: true
# 524.6373 spare1 > scheduler   sequence: 441 acknowledged: 440 heartbeat { status: WORKER_STATUS_RUNNING }
# 524.8844 w1 > scheduler       sequence: 500 acknowledged: 499 heartbeat { status: WORKER_STATUS_RUNNING }
# 524.9101 scheduler > w1       sequence: 500 acknowledged: 500
# 525.0264 scheduler > spare1   sequence: 441 acknowledged: 441
# 525.1544 c2 > scheduler       sequence: 536 acknowledged: 168 heartbeat: true
# 525.1785 scheduler > c2       sequence: 169 acknowledged: 536
# 525.2580 c3 > scheduler       sequence: 527 acknowledged: 159 heartbeat: true
# 525.3259 scheduler > c3       sequence: 160 acknowledged: 527
# 525.6373 spare1 > scheduler   sequence: 442 acknowledged: 441 heartbeat { status: WORKER_STATUS_RUNNING }
# 525.6457 scheduler > spare1   sequence: 442 acknowledged: 442
# 525.8844 w1 > scheduler       sequence: 501 acknowledged: 500 heartbeat { status: WORKER_STATUS_RUNNING }
# 526.1544 c2 > scheduler       sequence: 537 acknowledged: 169 heartbeat: true
# 526.2580 c3 > scheduler       sequence: 528 acknowledged: 160 heartbeat: true
# 526.3240 scheduler > w1       sequence: 501 acknowledged: 501
# 526.6373 spare1 > scheduler   sequence: 443 acknowledged: 442 heartbeat { status: WORKER_STATUS_RUNNING }
# 526.8844 w1 > scheduler       sequence: 502 acknowledged: 501 heartbeat { status: WORKER_STATUS_RUNNING }
# 526.8854 scheduler > w1       sequence: 502 acknowledged: 502
# 527.0320 scheduler > spare1   sequence: 443 acknowledged: 443
# 527.1544 c2 > scheduler       sequence: 538 acknowledged: 169 heartbeat: true
# 527.2580 c3 > scheduler       sequence: 529 acknowledged: 160 heartbeat: true
# 527.6373 spare1 > scheduler   sequence: 444 acknowledged: 442 heartbeat { status: WORKER_STATUS_RUNNING }
# 527.6385 scheduler > spare1   sequence: 444 acknowledged: 444
# 527.8844 w1 > scheduler       sequence: 503 acknowledged: 502 heartbeat { status: WORKER_STATUS_RUNNING }
# 527.9078 scheduler > w1       sequence: 503 acknowledged: 503
# 528.1544 c2 > scheduler       sequence: 539 acknowledged: 169 heartbeat: true
# 528.2580 c3 > scheduler       sequence: 530 acknowledged: 160 heartbeat: true
# 528.6373 spare1 > scheduler   sequence: 445 acknowledged: 444 heartbeat { status: WORKER_STATUS_RUNNING }
# 528.6447 scheduler > spare1   sequence: 445 acknowledged: 445
# 528.8844 w1 > scheduler       sequence: 504 acknowledged: 503 heartbeat { status: WORKER_STATUS_RUNNING }
# 528.8972 scheduler > w1       sequence: 504 acknowledged: 504
# 529.1544 c2 > scheduler       sequence: 540 acknowledged: 169 heartbeat: true
# 529.2580 c3 > scheduler       sequence: 531 acknowledged: 160 heartbeat: true
# 529.6373 spare1 > scheduler   sequence: 446 acknowledged: 445 heartbeat { status: WORKER_STATUS_RUNNING }
# 529.6411 scheduler > spare1   sequence: 446 acknowledged: 446
# 529.8844 w1 > scheduler       sequence: 505 acknowledged: 504 heartbeat { status: WORKER_STATUS_RUNNING }
# 529.8855 scheduler > w1       sequence: 505 acknowledged: 505
# 530.1544 c2 > scheduler       sequence: 541 acknowledged: 169 heartbeat: true
# 530.2580 c3 > scheduler       sequence: 532 acknowledged: 160 heartbeat: true
# 530.6373 spare1 > scheduler   sequence: 447 acknowledged: 446 heartbeat { status: WORKER_STATUS_RUNNING }
# 530.8798 scheduler > spare1   sequence: 447 acknowledged: 447
# 530.8844 w1 > scheduler       sequence: 506 acknowledged: 505 heartbeat { status: WORKER_STATUS_RUNNING }
# 530.9534 scheduler > w1       sequence: 506 acknowledged: 506
# 531.1544 c2 > scheduler       sequence: 542 acknowledged: 169 heartbeat: true
# 531.2580 c3 > scheduler       sequence: 533 acknowledged: 160 heartbeat: true
# 531.6373 spare1 > scheduler   sequence: 448 acknowledged: 447 heartbeat { status: WORKER_STATUS_RUNNING }
# 531.8844 w1 > scheduler       sequence: 507 acknowledged: 506 heartbeat { status: WORKER_STATUS_RUNNING }
# 532.1190 scheduler > w1       sequence: 507 acknowledged: 507
# 532.1359 scheduler > spare1   sequence: 448 acknowledged: 448
# 532.1544 c2 > scheduler       sequence: 543 acknowledged: 169 heartbeat: true
# 532.2580 c3 > scheduler       sequence: 534 acknowledged: 160 heartbeat: true
# 532.6373 spare1 > scheduler   sequence: 449 acknowledged: 448 heartbeat { status: WORKER_STATUS_RUNNING }
# 532.8844 w1 > scheduler       sequence: 508 acknowledged: 507 heartbeat { status: WORKER_STATUS_RUNNING }
# 532.9405 scheduler > w1       sequence: 508 acknowledged: 508
# 533.0236 scheduler > spare1   sequence: 449 acknowledged: 449
# 533.1544 c2 > scheduler       sequence: 544 acknowledged: 169 heartbeat: true
# 533.2580 c3 > scheduler       sequence: 535 acknowledged: 160 heartbeat: true
# 533.6373 spare1 > scheduler   sequence: 450 acknowledged: 449 heartbeat { status: WORKER_STATUS_RUNNING }
# 533.8844 w1 > scheduler       sequence: 509 acknowledged: 508 heartbeat { status: WORKER_STATUS_RUNNING }
# 534.0330 scheduler > w1       sequence: 509 acknowledged: 509
# 534.1544 c2 > scheduler       sequence: 545 acknowledged: 169 heartbeat: true
# 534.1632 scheduler > spare1   sequence: 450 acknowledged: 450
# 534.2580 c3 > scheduler       sequence: 536 acknowledged: 160 heartbeat: true
# 534.6373 spare1 > scheduler   sequence: 451 acknowledged: 450 heartbeat { status: WORKER_STATUS_RUNNING }
# 534.6398 scheduler > spare1   sequence: 451 acknowledged: 451
# 534.8844 w1 > scheduler       sequence: 510 acknowledged: 509 heartbeat { status: WORKER_STATUS_RUNNING }
# 535.1544 c2 > scheduler       sequence: 546 acknowledged: 169 heartbeat: true
# 535.1654 scheduler > w1       sequence: 510 acknowledged: 510
# 535.2580 c3 > scheduler       sequence: 537 acknowledged: 160 heartbeat: true
# 535.6373 spare1 > scheduler   sequence: 452 acknowledged: 451 heartbeat { status: WORKER_STATUS_RUNNING }
# 535.8844 w1 > scheduler       sequence: 511 acknowledged: 510 heartbeat { status: WORKER_STATUS_RUNNING }
# 535.8845 scheduler > w1       sequence: 511 acknowledged: 511
# 536.1544 c2 > scheduler       sequence: 547 acknowledged: 169 heartbeat: true
# 536.1763 scheduler > spare1   sequence: 452 acknowledged: 452
# 536.2580 c3 > scheduler       sequence: 538 acknowledged: 160 heartbeat: true
# 536.6373 spare1 > scheduler   sequence: 453 acknowledged: 452 heartbeat { status: WORKER_STATUS_RUNNING }
# 536.7558 scheduler > spare1   sequence: 453 acknowledged: 453
# 536.8844 w1 > scheduler       sequence: 512 acknowledged: 511 heartbeat { status: WORKER_STATUS_RUNNING }
# 536.9908 scheduler > w1       sequence: 512 acknowledged: 512
# 537.1544 c2 > scheduler       sequence: 548 acknowledged: 169 heartbeat: true
# 537.2580 c3 > scheduler       sequence: 539 acknowledged: 160 heartbeat: true
# 537.6373 spare1 > scheduler   sequence: 454 acknowledged: 453 heartbeat { status: WORKER_STATUS_RUNNING }
# 537.6374 scheduler > spare1   sequence: 454 acknowledged: 454
# 537.8844 w1 > scheduler       sequence: 513 acknowledged: 512 heartbeat { status: WORKER_STATUS_RUNNING }
# 537.8849 scheduler > w1       sequence: 513 acknowledged: 513
# 538.1544 c2 > scheduler       sequence: 549 acknowledged: 169 heartbeat: true
# 538.2580 c3 > scheduler       sequence: 540 acknowledged: 160 heartbeat: true
# 538.6373 spare1 > scheduler   sequence: 455 acknowledged: 454 heartbeat { status: WORKER_STATUS_RUNNING }
# 538.8844 w1 > scheduler       sequence: 514 acknowledged: 513 heartbeat { status: WORKER_STATUS_RUNNING }
# 538.9540 scheduler > w1       sequence: 514 acknowledged: 514
# 539.1544 c2 > scheduler       sequence: 550 acknowledged: 169 heartbeat: true
# 539.2580 c3 > scheduler       sequence: 541 acknowledged: 160 heartbeat: true
# 539.2932 scheduler > spare1   sequence: 455 acknowledged: 455
# 539.6373 spare1 > scheduler   sequence: 456 acknowledged: 455 heartbeat { status: WORKER_STATUS_RUNNING }
# 539.6381 scheduler > spare1   sequence: 456 acknowledged: 456
# 539.8844 w1 > scheduler       sequence: 515 acknowledged: 514 heartbeat { status: WORKER_STATUS_RUNNING }
# 539.8845 scheduler > w1       sequence: 515 acknowledged: 515
# 540.1544 c2 > scheduler       sequence: 551 acknowledged: 169 heartbeat: true
# 540.2580 c3 > scheduler       sequence: 542 acknowledged: 160 heartbeat: true
# 540.6373 spare1 > scheduler   sequence: 457 acknowledged: 456 heartbeat { status: WORKER_STATUS_RUNNING }
# 540.6375 scheduler > spare1   sequence: 457 acknowledged: 457
# 540.8844 w1 > scheduler       sequence: 516 acknowledged: 515 heartbeat { status: WORKER_STATUS_RUNNING }
# 540.8860 scheduler > w1       sequence: 516 acknowledged: 516
# 541.1544 c2 > scheduler       sequence: 552 acknowledged: 169 heartbeat: true
# 541.2580 c3 > scheduler       sequence: 543 acknowledged: 160 heartbeat: true
# 541.6373 spare1 > scheduler   sequence: 458 acknowledged: 457 heartbeat { status: WORKER_STATUS_RUNNING }
# 541.8844 w1 > scheduler       sequence: 517 acknowledged: 516 heartbeat { status: WORKER_STATUS_RUNNING }
# 541.8967 scheduler > w1       sequence: 517 acknowledged: 517
# 542.1544 c2 > scheduler       sequence: 553 acknowledged: 169 heartbeat: true
# 542.2580 c3 > scheduler       sequence: 544 acknowledged: 160 heartbeat: true
# 542.4282 scheduler > spare1   sequence: 458 acknowledged: 458
# 542.6373 spare1 > scheduler   sequence: 459 acknowledged: 457 heartbeat { status: WORKER_STATUS_RUNNING }
# 542.8844 w1 > scheduler       sequence: 518 acknowledged: 517 heartbeat { status: WORKER_STATUS_RUNNING }
# 543.1544 c2 > scheduler       sequence: 554 acknowledged: 169 heartbeat: true
# 543.2249 scheduler > spare1   sequence: 459 acknowledged: 459
# 543.2580 c3 > scheduler       sequence: 545 acknowledged: 160 heartbeat: true
# 543.2887 scheduler > w1       sequence: 518 acknowledged: 518
# 543.6373 spare1 > scheduler   sequence: 460 acknowledged: 459 heartbeat { status: WORKER_STATUS_RUNNING }
# 543.6896 scheduler > spare1   sequence: 460 acknowledged: 460
# 543.8844 w1 > scheduler       sequence: 519 acknowledged: 518 heartbeat { status: WORKER_STATUS_RUNNING }
# 543.9016 scheduler > w1       sequence: 519 acknowledged: 519
# 544.1544 c2 > scheduler       sequence: 555 acknowledged: 169 heartbeat: true
# 544.2580 c3 > scheduler       sequence: 546 acknowledged: 160 heartbeat: true
# 544.6373 spare1 > scheduler   sequence: 461 acknowledged: 460 heartbeat { status: WORKER_STATUS_RUNNING }
# 544.8772 scheduler > spare1   sequence: 461 acknowledged: 461
# 544.8844 w1 > scheduler       sequence: 520 acknowledged: 519 heartbeat { status: WORKER_STATUS_RUNNING }
# 545.1544 c2 > scheduler       sequence: 556 acknowledged: 169 heartbeat: true
# 545.2580 c3 > scheduler       sequence: 547 acknowledged: 160 heartbeat: true
# 545.3860 scheduler > w1       sequence: 520 acknowledged: 520
# 545.6373 spare1 > scheduler   sequence: 462 acknowledged: 461 heartbeat { status: WORKER_STATUS_RUNNING }
# 545.6735 scheduler > spare1   sequence: 462 acknowledged: 462
# 545.8844 w1 > scheduler       sequence: 521 acknowledged: 520 heartbeat { status: WORKER_STATUS_RUNNING }
# 545.9274 scheduler > w1       sequence: 521 acknowledged: 521
# 546.1544 c2 > scheduler       sequence: 557 acknowledged: 169 heartbeat: true
# 546.2580 c3 > scheduler       sequence: 548 acknowledged: 160 heartbeat: true
# 546.6373 spare1 > scheduler   sequence: 463 acknowledged: 462 heartbeat { status: WORKER_STATUS_RUNNING }
# 546.6387 scheduler > spare1   sequence: 463 acknowledged: 463
# 546.8844 w1 > scheduler       sequence: 522 acknowledged: 521 heartbeat { status: WORKER_STATUS_RUNNING }
# 546.9201 scheduler > w1       sequence: 522 acknowledged: 522
# 547.1544 c2 > scheduler       sequence: 558 acknowledged: 169 heartbeat: true
# 547.2580 c3 > scheduler       sequence: 549 acknowledged: 160 heartbeat: true
# 547.6373 spare1 > scheduler   sequence: 464 acknowledged: 463 heartbeat { status: WORKER_STATUS_RUNNING }
# 547.8165 scheduler > spare1   sequence: 464 acknowledged: 464
# 547.8844 w1 > scheduler       sequence: 523 acknowledged: 522 heartbeat { status: WORKER_STATUS_RUNNING }
# 548.1544 c2 > scheduler       sequence: 559 acknowledged: 169 heartbeat: true
# 548.2580 c3 > scheduler       sequence: 550 acknowledged: 160 heartbeat: true
# 548.2774 scheduler > w1       sequence: 523 acknowledged: 523
# 548.6373 spare1 > scheduler   sequence: 465 acknowledged: 464 heartbeat { status: WORKER_STATUS_RUNNING }
# 548.8844 w1 > scheduler       sequence: 524 acknowledged: 523 heartbeat { status: WORKER_STATUS_RUNNING }
# 549.1154 scheduler > spare1   sequence: 465 acknowledged: 465
# 549.1544 c2 > scheduler       sequence: 560 acknowledged: 169 heartbeat: true
# 549.2580 c3 > scheduler       sequence: 551 acknowledged: 160 heartbeat: true
# 549.6373 spare1 > scheduler   sequence: 466 acknowledged: 465 heartbeat { status: WORKER_STATUS_RUNNING }
# 549.6457 scheduler > w1       sequence: 524 acknowledged: 524
# 549.7572 scheduler > spare1   sequence: 466 acknowledged: 466
# 549.8844 w1 > scheduler       sequence: 525 acknowledged: 523 heartbeat { status: WORKER_STATUS_RUNNING }
# 549.9448 scheduler > w1       sequence: 525 acknowledged: 525
# 550.1544 c2 > scheduler       sequence: 561 acknowledged: 169 heartbeat: true
# 550.2580 c3 > scheduler       sequence: 552 acknowledged: 160 heartbeat: true
# 550.6373 spare1 > scheduler   sequence: 467 acknowledged: 466 heartbeat { status: WORKER_STATUS_RUNNING }
# 550.6386 scheduler > spare1   sequence: 467 acknowledged: 467
# 550.8844 w1 > scheduler       sequence: 526 acknowledged: 525 heartbeat { status: WORKER_STATUS_RUNNING }
# 551.1544 c2 > scheduler       sequence: 562 acknowledged: 169 heartbeat: true
# 551.2580 c3 > scheduler       sequence: 553 acknowledged: 160 heartbeat: true
# 551.6343 scheduler > w1       sequence: 526 acknowledged: 526
# 551.6373 spare1 > scheduler   sequence: 468 acknowledged: 467 heartbeat { status: WORKER_STATUS_RUNNING }
# 551.8844 w1 > scheduler       sequence: 527 acknowledged: 526 heartbeat { status: WORKER_STATUS_RUNNING }
# 551.9071 scheduler > spare1   sequence: 468 acknowledged: 468
# 552.1544 c2 > scheduler       sequence: 563 acknowledged: 169 heartbeat: true
# 552.2580 c3 > scheduler       sequence: 554 acknowledged: 160 heartbeat: true
# 552.6373 spare1 > scheduler   sequence: 469 acknowledged: 468 heartbeat { status: WORKER_STATUS_RUNNING }
# 552.7053 scheduler > w1       sequence: 527 acknowledged: 527
# 552.8653 scheduler > spare1   sequence: 469 acknowledged: 469
# 552.8844 w1 > scheduler       sequence: 528 acknowledged: 527 heartbeat { status: WORKER_STATUS_RUNNING }
# 552.9192 scheduler > w1       sequence: 528 acknowledged: 528
# 553.1544 c2 > scheduler       sequence: 564 acknowledged: 169 heartbeat: true
# 553.2580 c3 > scheduler       sequence: 555 acknowledged: 160 heartbeat: true
# 553.6373 spare1 > scheduler   sequence: 470 acknowledged: 469 heartbeat { status: WORKER_STATUS_RUNNING }
# 553.6508 scheduler > spare1   sequence: 470 acknowledged: 470
# 553.8844 w1 > scheduler       sequence: 529 acknowledged: 528 heartbeat { status: WORKER_STATUS_RUNNING }
# 554.1544 c2 > scheduler       sequence: 565 acknowledged: 169 heartbeat: true
# 554.2580 c3 > scheduler       sequence: 556 acknowledged: 160 heartbeat: true
# 554.5800 scheduler > w1       sequence: 529 acknowledged: 529
# 554.6373 spare1 > scheduler   sequence: 471 acknowledged: 470 heartbeat { status: WORKER_STATUS_RUNNING }
# 554.6392 scheduler > spare1   sequence: 471 acknowledged: 471
# 554.8844 w1 > scheduler       sequence: 530 acknowledged: 528 heartbeat { status: WORKER_STATUS_RUNNING }
# 555.1544 c2 > scheduler       sequence: 566 acknowledged: 169 heartbeat: true
# 555.1891 scheduler > w1       sequence: 530 acknowledged: 530
# 555.2580 c3 > scheduler       sequence: 557 acknowledged: 160 heartbeat: true
# 555.6373 spare1 > scheduler   sequence: 472 acknowledged: 471 heartbeat { status: WORKER_STATUS_RUNNING }
# 555.6726 scheduler > spare1   sequence: 472 acknowledged: 472
# 555.8844 w1 > scheduler       sequence: 531 acknowledged: 530 heartbeat { status: WORKER_STATUS_RUNNING }
# 555.9084 scheduler > w1       sequence: 531 acknowledged: 531
# 556.1544 c2 > scheduler       sequence: 567 acknowledged: 169 heartbeat: true
# 556.2580 c3 > scheduler       sequence: 558 acknowledged: 160 heartbeat: true
# 556.6373 spare1 > scheduler   sequence: 473 acknowledged: 472 heartbeat { status: WORKER_STATUS_RUNNING }
# 556.8844 w1 > scheduler       sequence: 532 acknowledged: 531 heartbeat { status: WORKER_STATUS_RUNNING }
# 556.8858 scheduler > w1       sequence: 532 acknowledged: 532
# 557.1544 c2 > scheduler       sequence: 568 acknowledged: 169 heartbeat: true
# 557.2580 c3 > scheduler       sequence: 559 acknowledged: 160 heartbeat: true
# 557.2635 scheduler > c3       sequence: 161 acknowledged: 559
# 557.5209 scheduler > spare1   sequence: 473 acknowledged: 473
# 557.6373 spare1 > scheduler   sequence: 474 acknowledged: 472 heartbeat { status: WORKER_STATUS_RUNNING }
# 557.7367 scheduler > c2       sequence: 170 acknowledged: 568
# 557.8844 w1 > scheduler       sequence: 533 acknowledged: 532 heartbeat { status: WORKER_STATUS_RUNNING }
# 558.1544 c2 > scheduler       sequence: 569 acknowledged: 170 heartbeat: true
# 558.2580 c3 > scheduler       sequence: 560 acknowledged: 161 heartbeat: true
# 558.2966 scheduler > w1       sequence: 533 acknowledged: 533
# 558.6301 scheduler > spare1   sequence: 474 acknowledged: 474
# 558.6373 spare1 > scheduler   sequence: 475 acknowledged: 473 heartbeat { status: WORKER_STATUS_RUNNING }
# 558.8844 w1 > scheduler       sequence: 534 acknowledged: 533 heartbeat { status: WORKER_STATUS_RUNNING }
# 559.0229 scheduler > w1       sequence: 534 acknowledged: 534
# 559.1544 c2 > scheduler       sequence: 570 acknowledged: 170 heartbeat: true
# 559.2580 c3 > scheduler       sequence: 561 acknowledged: 161 heartbeat: true
# 559.5679 scheduler > spare1   sequence: 475 acknowledged: 475
# 559.6373 spare1 > scheduler   sequence: 476 acknowledged: 474 heartbeat { status: WORKER_STATUS_RUNNING }
# 559.8844 w1 > scheduler       sequence: 535 acknowledged: 534 heartbeat { status: WORKER_STATUS_RUNNING }
# 559.9116 scheduler > w1       sequence: 535 acknowledged: 535
# 560.1544 c2 > scheduler       sequence: 571 acknowledged: 170 heartbeat: true
# 560.2580 c3 > scheduler       sequence: 562 acknowledged: 161 heartbeat: true
# 560.2698 scheduler > spare1   sequence: 476 acknowledged: 476
# 560.6373 spare1 > scheduler   sequence: 477 acknowledged: 476 heartbeat { status: WORKER_STATUS_RUNNING }
# 560.6704 scheduler > spare1   sequence: 477 acknowledged: 477
# 560.8844 w1 > scheduler       sequence: 536 acknowledged: 535 heartbeat { status: WORKER_STATUS_RUNNING }
# 560.9008 scheduler > w1       sequence: 536 acknowledged: 536
# 561.1544 c2 > scheduler       sequence: 572 acknowledged: 170 heartbeat: true
# 561.2580 c3 > scheduler       sequence: 563 acknowledged: 161 heartbeat: true
# 561.6373 spare1 > scheduler   sequence: 478 acknowledged: 477 heartbeat { status: WORKER_STATUS_RUNNING }
# 561.8123 scheduler > spare1   sequence: 478 acknowledged: 478
# 561.8844 w1 > scheduler       sequence: 537 acknowledged: 536 heartbeat { status: WORKER_STATUS_RUNNING }
# 562.1544 c2 > scheduler       sequence: 573 acknowledged: 170 heartbeat: true
# 562.2580 c3 > scheduler       sequence: 564 acknowledged: 161 heartbeat: true
