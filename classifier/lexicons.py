"""Lists of words and word pairs with names a person understands: what they say about the work a prompt asks for.

Lower case, ten languages and more where one word carries the meaning; written by hand for this project.
"""

from collections.abc import Mapping

_WORDS: dict[str, str] = {
    "greetings and small talk": (
        "hi hello hey thanks thank bye goodbye cheers welcome morning evening night joke birthday "
        "congratulations sorry hola gracias adiós buenos buenas bonjour merci salut bonsoir hallo "
        "danke tschüss guten ciao grazie buongiorno olá obrigado obrigada oi привет спасибо "
        "здравствуйте пока こん んに にち ちは あり りが がと とう 你好 谢谢 再见 안녕하세요 "
        "감사합니다 안녕 مرحبا شكرا السلام "
        "नमस्ते धन्यवाद merhaba teşekkürler selam hoi bedankt cześć dziękuję"
    ),
    "asks for a fact": (
        "who when where capital born invented discovered population president founded located "
        "author name country city currency tallest largest longest planet meaning define "
        "definition synonym opposite spelled color colour quién cuándo dónde qué cuál capitale "
        "hauptstadt wer wann wo welche qui quand où quel quelle chi quando dove quem onde qual "
        "кто когда где столица какой 首都 什么 谁 哪里 どこ だれ いつ "
        "수도 누구 어디 عاصمة من متى أين राजधानी कौन "
        "कहाँ başkenti kim nerede hoofdstad stolica"
    ),
    "translation": (
        "translate translation spanish french german italian portuguese japanese chinese korean "
        "arabic hindi russian english dutch turkish polish traduce traducir traduzca inglés "
        "español traduis traduire traduisez anglais français übersetze übersetzen englisch "
        "deutsch traduci tradurre inglese traduza traduzir inglês переведи перевести английский "
        "翻译 翻譯 英语 英文 中文 翻訳 英語 번역 영어로 ترجم الإنجليزية अनुवाद çevir ingilizce vertaal"
    ),
    "short edits": (
        "rephrase rewrite reword fix grammar spelling typo typos punctuation shorten correct "
        "proofread capitalize uppercase lowercase sentence corrige corriger korrigiere correggi "
        "corrija исправь 修改 校正"
    ),
    "summary or extraction": (
        "summarize summarise summary extract list bullet tldr keywords classify sentiment label "
        "categorize identify resume résume résumer zusammenfassung riassumi resuma резюме 总结 要約 "
        "요약 "
        "zusammen fasse fass riassunto résumé resumen resumir özetle podsumuj перескажи "
        "кратко 提取 抽出 정리 لخص सारांश bullets title slug"
    ),
    "creative writing": (
        "poem story haiku song lyrics essay blog novel character dialogue plot tweet slogan "
        "caption email letter speech headline script scene narrator poema cuento poème gedicht "
        "geschichte стих рассказ 写 诗 故事"
    ),
    "everyday units": (
        "celsius fahrenheit kilometers miles kilograms pounds inches feet ounces liters gallons "
        "minutes hours days weeks dollars euros convert cup cups tablespoon weather recipe tip "
        "today tomorrow"
    ),
    "proof and theory": (
        "prove proof theorem lemma corollary conjecture rigorous rigorously derive derivation "
        "axiom contradiction induction bijective isomorphic homomorphism continuous "
        "differentiable converge converges bounded compact demuestra demostrar démontrer "
        "démontrez prouver beweise beweisen dimostra demonstre докажи доказать докажите 证明 證明 証明 "
        "증명 أثبت सिद्ध kanıtla bewijs udowodnij "
        "justify preuve démonstration démontre prouve prueba prova provare dimostrazione "
        "dimostrare prove beweis zeige доказательство udowodnij wykaż ispatla ispat "
        "kanıtlayın kanıtlayınız 証明 论证 प्रमाणित सिद्धि برهن برهان إثبات"
    ),
    "algebra and geometry": (
        "polynomial roots root integer integers triangle circle radius angle angles perpendicular "
        "parallel quadratic equation equations function functions inequality ellipse hyperbola "
        "parabola coordinates vertex vertices tangent sine cosine sin cos tan log matrix matrices "
        "vector vectors eigenvalue determinant prime primes divisor divisors divisible modulo "
        "remainder congruent sequence series coefficient coefficients"
    ),
    "calculus and higher mathematics": (
        "integral derivative differential integrate differentiate limit gradient laplace fourier "
        "eigenvalues topology manifold group subgroup ring field abelian finite kernel operator "
        "hilbert banach measure lebesgue stochastic markov martingale convex gaussian bayesian "
        "posterior"
    ),
    "counting and probability": (
        "probability ways many arrangements permutations combinations distinct different random "
        "randomly chosen dice coin cards committee expected variance choose selected"
    ),
    "word-problem arithmetic": (
        "each total cost costs per more less twice half times percent price sold bought buys "
        "sells spent spends left earned earns paid pays remaining altogether week month apples "
        "eggs"
    ),
    "physics": (
        "velocity acceleration force mass energy momentum torque friction voltage current "
        "resistance capacitor magnetic electric field wavelength frequency photon electron "
        "pressure temperature thermodynamic entropy gas heat ideal density flux beam stress "
        "strain pipe flow fluid viscosity lens nucleus decay radiation"
    ),
    "chemistry": (
        "mole moles molar solution acid base reaction equilibrium enthalpy ph ion ions atom atoms "
        "molecule molecules compound oxidation titration solubility concentration bond hydrogen "
        "oxygen carbon nitrogen sodium"
    ),
    "biology and medicine": (
        "cell cells protein gene genes dna rna enzyme species evolution organism patient "
        "diagnosis symptoms treatment dose disease blood infection tumor syndrome clinical drug "
        "mg chronic acute therapy prognosis "
        "paciente síntomas diagnóstico tratamiento diagnostic symptômes traitement "
        "diagnose behandlung paziente sintomi пациент диагноз симптомы лечение pacjent "
        "objawy leczenie hasta tanı tedavi 患者 诊断 診断 症状 환자 진단 치료 مريض تشخيص علاج मरीज रोगी "
        "इलाज"
    ),
    "law and contracts": (
        "plaintiff defendant court statute liability contract clause jurisdiction negligence tort "
        "constitutional amendment appeal lawsuit breach damages indemnity compliance gdpr "
        "regulation legal lease tenant "
        "contrat avocat juridique droit vertrag recht klage kündigung haftung contrato "
        "abogado ley demanda advogado lei contratto avvocato legge договор закон суд иск "
        "umowa prawo sąd sözleşme dava hukuk 合同 法律 契約 계약 법적 عقد قانون अनुबंध कानून"
    ),
    "economics and accounting": (
        "demand supply elasticity equilibrium marginal inflation interest bond bonds stock "
        "dividend dividends depreciation inventory cash revenue tax assets equity debt gdp "
        "monopoly cost profit partnership mortgage"
    ),
    "contest code": (
        "input output constraints sample subarray subsequence substring array permutation queries "
        "test cases testcases modulo grid nodes edges tree graph stdin stdout palindrome "
        "lexicographically operations string strings minimum maximum integers"
    ),
    "code": (
        "def return import function class self print python javascript java const var int void "
        "null none true false elif lambda async await struct public static script bug error "
        "exception traceback compile api sql query regex html css react docker kubernetes git "
        "bash linux json yaml pandas numpy def len range append tuple dict list"
    ),
    "systems and design": (
        "architecture distributed concurrency concurrent thread threads lock deadlock race "
        "consensus scalable latency throughput microservices schema migration optimize refactor "
        "debug production cluster cache compiler parser kernel memory leak algorithm complexity "
        "asynchronous "
        "architektur entwirf diseña arquitectura concevez conçois progetta architettura "
        "projete спроектируй архитектура zaprojektuj tasarla mimari 设计 設計 架构 설계 아키텍처 صمم "
        "डिज़ाइन kafka replication failover idempotent latenz latence"
    ),
    "logic puzzles": (
        "clue clues puzzle houses house person lives neighbor left right next between immediately "
        "unique exactly either neither knights knaves liar truth ancestor descendant relative "
        "relationships ordered seated"
    ),
    "conditions and constraints": (
        "must should cannot only except unless without least most exactly every all none if then "
        "given such assume suppose satisfy satisfies subject provided otherwise constraint "
        "requirement requirements ensure avoid include"
    ),
    "several requests at once": (
        "and also then both each respectively finally next first second third afterwards "
        "additionally plus another other meanwhile too well y et und e и 和 并 と"
    ),
    "negations": ("not no never nor none neither without except false incorrect cannot don doesn isn aren wasn"),
    "analysis and planning": (
        "analyze analyse compare contrast evaluate assess critique strategy plan design propose "
        "justify recommend trade tradeoffs implications argue discuss detailed comprehensive "
        "thorough framework evidence interpret synthesize analyser analysieren analizar analizza "
        "анализ 分析 "
        "plan planning compare vergleiche bewerte argumente évalue arguments évaluer "
        "evalúa argumentos valuta argomenti оцени сравни аргументы oceń porównaj "
        "değerlendir karşılaştır argüman 评估 比较 論じ 評価 평가 비교 قارن قيّم तुलना मूल्यांकन "
        "critically referee memo roster schedule budget"
    ),
    "explanation": (
        "why how explain describe tell pourquoi warum porqué perché почему как 为什么 如何 なぜ 왜 لماذا क्यों"
    ),
    "feelings": (
        "feel feeling feels angry sad happy emotion emotions emotional relieved anxious proud hurt love upset"
    ),
    "tool-like requests": (
        "find get calculate compute book search retrieve fetch schedule order send create update "
        "delete check show weather forecast flight hotel restaurant playlist file directory "
        "nearest"
    ),
    "first and second person": "i me my you your we our us yo mi tu je ich mein io eu я мне 我 你 私 나는",
    "pronouns": "he she him her his they them their it its",
    "question words": "what which who whom whose when where why how",
    "he, she or they": "he she his her they",
    "results of code": "return returns output print",
    "values and collections": "list array string number integer",
    "LaTeX": "frac dfrac tfrac sqrt leq geq neq cdot infty mathbb mathcal mathrm overline",
    "code blocks": "def import println printf cout",
    "how many or how much": "cuántos cuántas combien quanti quante quantos сколько 多少 いく 몇",
    "find all or such that": "iff",
    "extreme wanted": "minimum maximum minimize maximize minimal maximal smallest largest shortest longest 最大 最小",
    "which of the following": "下列",
    "fill the gap": "blank blanks",
    "contest format": "constraints",
    "examples": "instance eg",
}
_PAIRS: dict[str, tuple[str, ...]] = {
    "how many or how much": ("how many", "how much", "wie viele", "wie viel"),
    "find all or such that": (
        "find all", "such that", "for all", "for every", "for each", "there exist", "there exists", "only if",
    ),
    "extreme wanted": ("at least", "at most"),
    "which of the following": ("which of", "following statements", "best describes", "most likely"),
    "fill the gap": ("fill in", "complete the"),
    "short function wanted": ("a function", "python function", "a program", "function that", "function to"),
    "contest format": ("sample input", "standard input", "standard output", "example 0", "return the", "first line"),
    "examples": ("for example", "for instance"),
}  # fmt: skip
LEXICONS: Mapping[str, tuple[str, ...]] = {
    name: (*dict.fromkeys(_WORDS.get(name, "").split()), *_PAIRS.get(name, ())) for name in {**_WORDS, **_PAIRS}
}
"""The words and word pairs of each list; the two words of a pair stand with one space between."""
