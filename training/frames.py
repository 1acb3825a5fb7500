"""What people and programs put around a request that says nothing of the task: labels, manners, formats, dates, greetings.

A line such as "Respond in German." stands apart from a hard request as what is asked of a document does. The classifier
learns the difference from prompts that ask, put into these.
"""

FRAMES = (
    # labels
    "Instruction: \n{}", "INSTRUCTION\n\n{}", "Task\n----\n{}", "# Task\n{}", "## Your task\n\n{}", "Assignment:\n{}", "Request:\n\n{}", "My request:\n{}",
    "User request:\n\n{}", "User input:\n{}", "Input:\n{}", "Message:\n\n{}", "Query\n===\n{}", "Prompt:\n{}", "### Prompt\n{}\n\n### Answer", "Exercise 1\n\n{}",
    "Exercise:\n{}\n\nSolution:", "Problem 3.\n{}", "Problem statement\n\n{}", "Q:\n{}\n\nA:", "Question 4\n\n{}", "[TASK]\n{}\n[/TASK]", "<request>\n{}\n</request>",
    "<user_message>\n{}\n</user_message>", "<prompt>\n{}\n</prompt>\n\nRespond now.", "Ticket\n---\n{}\n---", "Subject: help\n\n{}", "Aufgabe:\n{}", "Frage:\n\n{}",
    "Tâche :\n{}", "Pregunta:\n{}", "Tarea\n\n{}", "Tarefa:\n{}", "Compito:\n{}", "Задание:\n{}", "Вопрос\n\n{}", "任务：\n{}", "问题如下：\n\n{}", "質問：\n{}", "課題\n\n{}", "질문:\n{}",
    "السؤال:\n{}", "प्रश्न:\n{}", "Soru:\n{}", "Zadanie:\n\n{}", "Opdracht:\n{}",
    # manners and formats
    "Reply in English.\n\n{}", "Answer in French please.\n\n{}", "Write your reply in Spanish.\n\n{}", "{}\n\nReply in Italian.", "{}\n\nUse British spelling.", "Be brief.\n\n{}",
    "Be concise and precise.\n\n{}", "{}\n\nBe thorough.", "{}\n\nShort answer please.", "{}\n\nMax 200 words.", "{}\n\nKeep it short, no preamble.", "In at most five sentences:\n\n{}",
    "{}\n\nNo markdown, plain text only.", "Use markdown.\n\n{}", "{}\n\nFormat the answer as JSON.", "Output only the result.\n\n{}", "{}\n\nReturn only the final code.", "{}\n\nShow your work.",
    "{}\n\nExplain your reasoning.", "Take a deep breath and work on this step by step.\n\n{}", "{}\n\nDon't guess; say so if you are not sure.", "{}\n\nCite sources where you can.",
    "Explain it for a beginner.\n\n{}", "{}\n\nThis is very important to my career.", "{}\n\nUse bullet points.", "No small talk, please.\n\n{}", "{}\n\nWrite it in a formal tone.", "Antworte auf Deutsch.\n\n{}",
    "{}\n\nBitte kurz und knapp.", "Réponds en français.\n\n{}", "{}\n\nResponde en español, por favor.", "Responda em português.\n\n{}", "{}\n\nОтвечай по-русски.", "请用中文回答。\n\n{}", "{}\n\n请简短回答。", "日本語で答えてください。\n\n{}",
    "{}\n\n한국어로 답해 주세요.", "أجب بالعربية.\n\n{}", "Türkçe cevap ver.\n\n{}", "Odpowiedz po polsku.\n\n{}",
    # dates, roles, greetings and what surrounds a paste
    "Today is Monday, 3 March 2025.\n\n{}", "Date: 2025-06-14 09:30 UTC\n\n{}", "User: maria (Lisbon, Europe/Lisbon)\n\n{}", "[2025-01-20 18:02] anna:\n{}", "Context: none\n\n{}", "You are an expert.\n\n{}",
    "You are a senior engineer.\n\n{}", "Act as a patient tutor.\n\n{}", "You are an AI assistant that answers users' questions.\n\n{}", "Du bist ein hilfreicher Assistent.\n\n{}", "Tu es un assistant utile.\n\n{}",
    "Hi all,\n\n{}\n\nRegards\nSam", "Hey, quick one:\n\n{}", "Hello,\n\n{}\n\nMany thanks\nIngrid", "Good morning! Hope you are well.\n\n{}", "Hallo zusammen,\n\n{}\n\nViele Grüße\nJonas", "Bonjour,\n\n{}\n\nMerci d'avance",
    "Hola,\n\n{}\n\nGracias", "{}\n\nThanks a lot in advance, you are a lifesaver!", "{}\n\nSent from my phone", "I need this for tomorrow.\n\n{}", "Got this from my professor:\n\n{}", "My boss asked me this:\n\n{}",
    "One of our customers writes:\n\n{}", "The following was asked by a user:\n\n{}", "Please handle the request below.\n\n{}", "Do what is asked below.\n---\n{}\n---", "Respond to the following.\n\n{}",
    "Complete the following task.\n\n{}", "Answer this.\n\n{}", "Solve it.\n\n{}", "Here is the question.\n\n{}\n\nGive your best answer.", "Carefully read the task below and then do it.\n\n{}", "Let's go.\n\n{}", "{}\n\nGo.", "{}\n\nCan you help?",
    "Second attempt, the last answer was cut off.\n\n{}", "{}\n\nIgnore the earlier messages.", "(no tools needed)\n\n{}",
    # whose request it is, quoted mail, more formats, what is said last
    "I study biology in my second year.\n\n{}", "I am a nurse and write a blog.\n\n{}", "We are preparing an exam together.\n\n{}", "I have an interview next week.\n\n{}", "Ich bin Lehrerin in Wien.\n\n{}", "Je suis étudiant en droit.\n\n{}",
    "Be frank.\n\n{}", "Surprise me.\n\n{}", "No holding back, please.\n\n{}", "Use a numbered list.\n\n{}", "Answer with bullets.\n\n{}", "{}\n\nAs a table, please.",
    "Give me a table.\n\n{}", "Write plainly.\n\n{}", "Use academic English.\n\n{}", "{}\n\nIn simple words.", "On 3 May, Li wrote:\n\n{}", "> Am Montag schrieb Eva:\n\n{}",
    "Le lundi, Paul a écrit :\n\n{}", "-------- Forwarded message --------\n\n{}", "{}\n\n> and this is what I said before", "{}\n\n-- \nTom Becker\nFirma Huber KG", "{}\n\nSent with Outlook for Android", "Von meinem Handy gesendet\n\n{}",
    "Act as a lawyer.\n\n{}", "Pretend to be a critic.\n\n{}", "You're a physicist.\n\n{}", "{}\n\nThen put your answer into Spanish.", "{}\n\nGive the reply in two languages.", "{}\n\nAdd a summary last.",
    "{}\n\nClose with one sentence that sums it up.", "XML only.\n\n{}", "{}\n\nXML only.", "Return YAML.\n\n{}", "{}\n\nJSON with the fields result and reason.", "{}\n\nOutput: CSV",
    "{}\n\nIs it doable?", "{}\n\nWould you do that for me?", "{}\n\nYour view?", "{}\n\nThoughts?", "{}\n\nBy Friday, please.", "{}\n\nIt is urgent.",
    "{}\n\nI need it for work.", "It is for a paper.\n\n{}", "One sentence only.\n\n{}", "{}\n\nTwo sentences at most.", "Headline: exercise\n\n{}", "Time: 18:40\n\n{}",
    "2025-02-11\n\n{}", "{}\n\n2025-02-11", "{}\n\nP.S. It rains here.", "{}\n\nbye", "{}\n\nhey", "hey\nhey\n\n{}",
)  # fmt: skip
"""Each with a place for a request."""
