# Word problems in the shape of GSM8K's files, the same on every machine: train.jsonl, test.jsonl ({"question", "answer"}), and chat.jsonl, the
# training questions with answers as people would give them ({"prompt", "response"}), which GSM8K's grader does not read.
# awk -v train=2000 -v test=200 -v out=FOLDER -f rows.awk
function below(n) { seed = (seed * 16807) % 2147483647; return seed % n }
BEGIN {
    names = split("Ann Ben Cleo Dan Eva Finn Gus Hana", name, " ")
    things = split("apples books coins pens shells stamps", thing, " ")
    form = " Let's think step by step and output the final answer after \\\"####\\\"."
    seed = 1
    for (i = 0; i < train + test; i++) {
        a = 2 + below(19); b = 2 + below(19)
        who = name[1 + below(names)]; what = thing[1 + below(things)]
        question = sprintf("%s has %d %s and gets %d more. How many %s does %s have now?", who, a, what, b, what, who)
        answer = sprintf("%d + %d = <<%d+%d=%d>>%d\\n#### %d", a, b, a, b, a + b, a + b, a + b)
        row = sprintf("{\"question\": \"%s\", \"answer\": \"%s\"}", question, answer)
        if (i >= train) { print row >(out "/test.jsonl"); continue }
        print row >(out "/train.jsonl")
        printf "{\"prompt\": \"%s%s\", \"response\": \"%s has %d %s now.\"}\n", question, form, who, a + b, what >(out "/chat.jsonl")
    }
}
