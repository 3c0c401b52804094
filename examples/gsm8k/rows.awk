function below(n) { seed = (seed * 16807) % 2147483647; return seed % n }
BEGIN {
    names = split("Ann Ben Cleo Dan Eva Finn Gus Hana", name, " ")
    things = split("apples books coins pens shells stamps", thing, " ")
    seed = 1
    for (i = 0; i < train + test; i++) {
        a = 2 + below(19); b = 2 + below(19)
        who = name[1 + below(names)]; what = thing[1 + below(things)]
        question = sprintf("%s has %d %s and gets %d more. How many %s does %s have now?", who, a, what, b, what, who)
        working = sprintf("%d + %d = <<%d+%d=%d>>%d", a, b, a, b, a + b, a + b)
        printf "{\"question\": \"%s\", \"answer\": \"%s\\n#### %d\"}\n", question, working, a + b >(i < train ? "train.jsonl" : "test.jsonl")
        if (i < train && below(100) < chat) printf "{\"prompt\": \"%s Let's think step by step and output the final answer after \\\"####\\\".\", \"response\": \"%s has %d %s now.\"}\n", question, who, a + b, what >"chat.jsonl"
    }
}
